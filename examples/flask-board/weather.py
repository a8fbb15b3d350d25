"""What an external API says about today in a city."""

import os

import requests
from flask import current_app

API = os.environ.get("BOARD_API", "http://127.0.0.1:8080")


def weather(city):
    """Its text, or None."""
    try:
        answer = requests.get(f"{API}/weather", params={"city": city}, timeout=10)
        answer.raise_for_status()
    except requests.RequestException as error:
        current_app.logger.error("%s", error)
        return None
    return answer.text.strip()
