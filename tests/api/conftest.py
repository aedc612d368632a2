"""A real server in a thread, over a real index of texts in several scripts."""

import threading
from contextlib import contextmanager

import httpx
import pytest

import jv3search
from jv3search.addresses import free_address
from jv3search.api.app import create_app
from jv3search.api.guard import access_for
from jv3search.api.server import Server
from jv3search.api.service import Service

PORT = 18601  # and those above it: not where a server of somebody's own is looked for


@contextmanager
def serving(index, *, hosts=(), token="", loaded=True):
    """Serve an index; gives the URL, and waits for the model unless told otherwise."""
    address = free_address("127.0.0.1", None, PORT)
    service = Service(jv3search.open(index))
    listening = threading.Event()
    server = Server(create_app(service, access_for(address, hosts, token)), address, listening.set)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert listening.wait(60)
        if loaded:
            service.wait()
        yield f"http://127.0.0.1:{address.port}"
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def url(shared_index):
    """Where the shared index is served."""
    with serving(shared_index) as url:
        yield url


@pytest.fixture
def client(url):
    """Requests to that server as a program makes them."""
    with httpx.Client(base_url=url, timeout=60) as client:
        yield client
