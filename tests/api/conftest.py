"""A real server in a thread, over a real index of texts in several scripts."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest

import jv3search
from jv3search.addresses import free_address
from jv3search.api.app import create_app
from jv3search.api.guard import access_for
from jv3search.api.model_worker import MOST_TOKENS
from jv3search.api.server import Server, largest_upload
from jv3search.api.service import Service

PORT = 18601  # and those above it: not where a server of somebody's own is looked for


def in_a_thread(call):
    """What it returns; the browser tests leave an event loop running in the main thread of their process."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(call).result()


@contextmanager
def serving(index, *, hosts=(), token="", make_app=create_app, most_tokens=MOST_TOKENS, write=False, **settings):
    """Serve an index; gives the URL and the service, whose model may still be loading."""
    address = free_address("127.0.0.1", None, PORT)
    service = Service(jv3search.open(index, create=True, **settings), most_tokens)
    upload = largest_upload(service.kb.settings) if write else 0
    access = replace(access_for(address, hosts, token), upload=upload)
    listening = threading.Event()
    server = Server(make_app(service, access), address, listening.set)
    thread = threading.Thread(target=server.run)
    service.start()
    thread.start()
    try:
        assert listening.wait(60)
        yield f"http://127.0.0.1:{address.port}", service
    finally:
        server.should_exit = True
        thread.join()
        service.close()


@pytest.fixture(scope="session")
def url(shared_index):
    """Where the shared index is served."""
    with serving(shared_index) as (url, service):
        service.wait()
        yield url


@pytest.fixture
def client(url):
    """Requests to that server as a program makes them."""
    with httpx.Client(base_url=url, timeout=60) as client:
        yield client
