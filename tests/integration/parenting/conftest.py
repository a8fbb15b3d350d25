"""The place a server under measurement runs in. Redis and MariaDB are started where a server asks them."""

from contextlib import ExitStack

import pytest

from measure import Place, Second


@pytest.fixture
def place(request, server, tmp_path):
    tmp_path.chmod(0o755)
    with Second() as second, ExitStack() as kept:
        yield Place(tmp_path, second, keep=kept.enter_context,
                    redis=request.getfixturevalue("redis") if "Redis" in server.calls else None,
                    mariadb=request.getfixturevalue("mariadb") if "MariaDB" in server.calls else None)
