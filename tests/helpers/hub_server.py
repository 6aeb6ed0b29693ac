"""A small Hugging Face Hub on loopback: what huggingface_hub and datasets ask of it, with faults on demand.

Repositories live in memory. Small text files are served by the Hub itself; large files by a second server on another
host name, to which the Hub redirects with a signed address, as the real one does. Xet is not spoken: clients run with
HF_HUB_DISABLE_XET=1 and use LFS.
"""

import collections
import http.server
import re
import threading

from helpers.hub_handlers import HubHandler, StoreHandler
from helpers.hub_repository import Blob, Refusal, Repository, is_lfs

Fault = collections.namedtuple("Fault", "method pattern status times")


class Hub:
    """The state of both servers. ``users`` maps tokens to (name, role); ``requests`` is what was asked.

    Use as a context manager; ``endpoint`` is what HF_ENDPOINT takes.
    """

    def __init__(self):
        self.users = {"hf_writer": ("writer", "write"), "hf_reader": ("reader", "read")}
        self.repositories, self.store, self.requests, self.faults = {}, {}, [], []
        self.lock = threading.RLock()

    def __enter__(self):
        self.servers = [_serve(self, handler) for handler in (HubHandler, StoreHandler)]
        hub, store = (server.server_address[1] for server in self.servers)
        self.endpoint, self.store_endpoint = f"http://127.0.0.1:{hub}", f"http://localhost:{store}"
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.shutdown()
            server.server_close()

    def create(self, repo_id, kind="model", files=None, **options):
        """Makes a repository with ``files`` (a dict from path to bytes) as its second commit."""
        repository = self.repositories[kind, repo_id] = Repository(kind, repo_id, **options)
        if files:
            self.add(repository, files)
        return repository

    def add(self, repository, files, branch="main", message="files"):
        blobs = {path: Blob(content, is_lfs(path, len(content))) for path, content in files.items()}
        with self.lock:
            before = repository.commits[repository.branches.get(branch, repository.branches["main"])]
            return repository.commit(branch, {**before, **blobs}, message)

    def fail(self, method, pattern, status, times=10**6):
        """Answers the next ``times`` requests whose path matches with ``status``; "cut" breaks off in mid-answer."""
        self.faults.append(Fault(method, pattern, status, [times]))

    def fault(self, method, path):
        with self.lock:
            for fault in self.faults:
                if fault.method == method and fault.times[0] > 0 and re.search(fault.pattern, path):
                    fault.times[0] -= 1
                    return fault.status
        return None

    def asked(self, method, pattern):
        return [request for request in self.requests if request.method == method and re.search(pattern, request.path)]

    def find(self, kind, repo_id, token, write=False):
        """The repository, if ``token`` may read (or write) it."""
        if token and token not in self.users:
            raise Refusal(401, "Invalid credentials in Authorization header")
        name, role = self.users.get(token, (None, None))
        repository = self.repositories.get((kind, repo_id))
        hidden = repository is None or (repository.private and name not in repository.readers)
        if hidden:
            raise Refusal(404 if name else 401, "Repository not found", "RepoNotFound")
        if write and (role != "write" or name != repo_id.partition("/")[0]):
            raise Refusal(403 if name else 401, f"You don't have write access to {repo_id}")
        return repository

    def check_gate(self, repository, token):
        name = self.users.get(token, (None, None))[0]
        if repository.gated and name not in repository.readers:
            raise Refusal(403 if name else 401, f"Access to {repository.kind} {repository.id} is gated", "GatedRepo")


def _serve(hub, handler):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.hub, server.daemon_threads = hub, True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server
