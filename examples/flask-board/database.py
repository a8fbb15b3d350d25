"""MySQL: a connection for each request that needs one."""

import os

import pymysql
from flask import g
from pymysql.cursors import DictCursor


def connection():
    if "database" not in g:
        g.database = pymysql.connect(
            host=os.environ.get("BOARD_DB_HOST", "127.0.0.1"),
            port=int(os.environ.get("BOARD_DB_PORT", "3306")),
            user=os.environ.get("BOARD_DB_USER", "board"),
            password=os.environ.get("BOARD_DB_PASSWORD", ""),
            database=os.environ.get("BOARD_DB_NAME", "board"),
            autocommit=True,
            cursorclass=DictCursor)
    return g.database


def close(_error):
    if "database" in g:
        g.pop("database").close()


def query(text, *values):
    """The rows of a statement."""
    with connection().cursor() as cursor:
        cursor.execute(text, values)
        return cursor.fetchall()


def insert(text, *values):
    """The number of the new row."""
    with connection().cursor() as cursor:
        cursor.execute(text, values)
        return cursor.lastrowid
