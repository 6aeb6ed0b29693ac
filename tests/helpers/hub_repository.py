"""A repository of the small Hub: branches, commits, files, and an answer that is none."""

import collections
import hashlib
import json
import re

import yaml

LFS_SUFFIXES = (".safetensors", ".parquet", ".bin", ".png", ".npz")
REGULAR_LIMIT = 100_000  # bytes; above it files go to the store
Blob = collections.namedtuple("Blob", "content lfs")


class Refusal(Exception):
    """An answer other than 2xx: status, error code as in X-Error-Code, message."""

    def __init__(self, status, message, code=None):
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


class Repository:
    """Branches point to commits; a commit is a dict from path to `Blob`."""

    def __init__(self, kind, repo_id, private=False, gated=False):
        self.kind, self.id, self.private, self.gated = kind, repo_id, private, gated
        self.readers = {repo_id.partition("/")[0]}
        self.commits, self.branches, self.messages = {}, {}, []
        self.commit("main", {".gitattributes": Blob(b"*.safetensors filter=lfs\n", False)}, "initial commit")

    def commit(self, branch, files, message):
        listed = sorted((path, hashlib.sha256(blob.content).hexdigest()) for path, blob in files.items())
        sha = hashlib.sha1(json.dumps([self.id, len(self.commits), listed]).encode()).hexdigest()
        self.commits[sha], self.branches[branch] = dict(files), sha
        self.messages.append(message)
        return sha

    def resolve(self, revision):
        sha = self.branches.get(revision, revision)
        if sha not in self.commits:
            raise Refusal(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return sha

    def files(self, revision="main"):
        """The files of a revision: a dict from path to bytes."""
        return {path: blob.content for path, blob in self.commits[self.resolve(revision)].items()}

    def card(self, sha):
        readme = self.commits[sha].get("README.md", Blob(b"", False)).content.decode()
        found = re.match(r"---\n(.*?)\n---", readme, flags=re.DOTALL)
        return yaml.safe_load(found.group(1)) if found else {}

    def info(self, sha):
        return {
            "id": self.id,
            "sha": sha,
            "private": self.private,
            "gated": "manual" if self.gated else False,
            "tags": [],
            "cardData": self.card(sha),
            "siblings": [{"rfilename": path} for path in sorted(self.commits[sha])],
        }


def is_lfs(path, size):
    return path.endswith(LFS_SUFFIXES) or size > REGULAR_LIMIT


def git_sha1(content):
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def oid(blob):
    return hashlib.sha256(blob.content).hexdigest() if blob.lfs else git_sha1(blob.content)
