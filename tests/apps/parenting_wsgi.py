"""A WSGI application that asks others for what it is asked for: HTTP by http.client, Redis by hiredis, MariaDB by MySQLdb; connections are a
thread's own, and kept. PARENTING says whom: HTTP-PORT REDIS-PORT MYSQL-PORT."""

import ctypes.util
import http.client
import os
import threading

import MySQLdb

PORTS = [int(word) for word in os.environ["PARENTING"].split()]
HIREDIS = ctypes.CDLL(ctypes.util.find_library("hiredis"))
HIREDIS.redisConnect.restype = HIREDIS.redisCommand.restype = ctypes.c_void_p
HIREDIS.freeReplyObject.argtypes = [ctypes.c_void_p]


class Calls(threading.local):
    def __init__(self):
        self.http = http.client.HTTPConnection("127.0.0.1", PORTS[0])
        self.redis = ctypes.c_void_p(HIREDIS.redisConnect(b"127.0.0.1", PORTS[1]))
        self.mysql = MySQLdb.connect(host="127.0.0.1", port=PORTS[2], user="app", passwd="secret", db="shop")

    def make(self, tag):
        HIREDIS.freeReplyObject(HIREDIS.redisCommand(self.redis, b"GET %s", tag.encode()))
        with self.mysql.cursor() as cursor:
            cursor.execute(f"SELECT 1 AS {tag}")
        self.http.request("GET", f"/{tag}")
        self.http.getresponse().read()


CALLS = Calls()


def application(environ, start_response):
    tag = environ["PATH_INFO"].strip("/")
    CALLS.make(tag)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(tag)))])
    return [tag.encode()]
