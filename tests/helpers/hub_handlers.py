"""What the small Hub and its store answer to each request."""

import base64
import collections
import hashlib
import http.server
import json
import re
import urllib.parse

import yaml

from helpers.hub_repository import Blob, Refusal, git_sha1, is_lfs, oid

Request = collections.namedtuple("Request", "method path token status")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    routes = ()

    def log_message(self, *_):
        pass

    def handle_any(self):
        hub, self.hub = self.server.hub, self.server.hub
        address = urllib.parse.urlsplit(self.path)
        self.query = dict(urllib.parse.parse_qsl(address.query))
        self.token = (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None
        self.body, path = self._read_body(), urllib.parse.unquote(address.path)
        self.cut = (status := hub.fault(self.command, path)) == "cut"
        try:
            if status and not self.cut:
                raise Refusal(status, f"told to answer {status}")
            self._route(path)
        except Refusal as refusal:
            headers = {"X-Error-Message": refusal.message}
            headers |= {"X-Error-Code": refusal.code} if refusal.code else {}
            self.answer(refusal.status, {"error": refusal.message}, headers)

    do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815

    def _read_body(self):
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _route(self, path):
        for method, pattern, function in self.routes:
            found = re.fullmatch(pattern, path)
            if found and self.command in method.split("|"):
                with self.hub.lock:
                    return function(self, **found.groupdict())
        raise Refusal(404, f"{self.command} {path} is not known here")

    def answer(self, status, content=b"", headers=None):
        """Sends bytes, or anything else as JSON."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.hub.requests.append(Request(self.command, urllib.parse.unquote(self.path), self.token, status))
        self.send_response(status)
        fields = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[: len(body) // 2] if self.cut else body)
        if self.cut:
            self.close_connection = True


KIND = r"(?P<kind>model|dataset)s"
ID = r"(?P<repo_id>[^/]+(?:/[^/]+)?)"
API = rf"/api/{KIND}/{ID}"


class HubHandler(Handler):
    def repository(self, kind, repo_id, write=False):
        return self.hub.find(kind, repo_id, self.token, write)

    def whoami(self):
        if self.token not in self.hub.users:
            raise Refusal(401, "Invalid username or password.")
        name, role = self.hub.users[self.token]
        token = {"displayName": "test", "role": role}
        self.answer(200, {"name": name, "type": "user", "orgs": [], "auth": {"accessToken": token}})

    def create(self):
        asked = json.loads(self.body)
        if self.token not in self.hub.users:
            raise Refusal(401, "Invalid username or password.")
        name, role = self.hub.users[self.token]
        owner = asked.get("organization") or name
        if role != "write" or owner != name:
            raise Refusal(403, f"You don't have the rights to create a {asked.get('type', 'model')} under {owner}")
        kind, repo_id = asked.get("type") or "model", f"{owner}/{asked['name']}"
        url = f"{self.hub.endpoint}/{'datasets/' if kind == 'dataset' else ''}{repo_id}"
        if (kind, repo_id) in self.hub.repositories:
            self.answer(409, {"error": "You already created this repo", "url": url})
            return
        self.hub.create(repo_id, kind, private=asked.get("visibility") == "private")
        self.answer(200, {"url": url, "name": repo_id})

    def validate_yaml(self):
        content = json.loads(self.body)["content"]
        found = re.match(r"---\n(.*?)\n---\n", content, flags=re.DOTALL)
        try:
            card = yaml.safe_load(found.group(1)) if found else {}
            problems = [] if isinstance(card, dict) else ["metadata is no mapping"]
        except yaml.YAMLError as error:
            problems = [str(error)]
        self.answer(400 if problems else 200, {"errors": [{"message": p} for p in problems], "warnings": []})

    def info(self, kind, repo_id, revision="main"):
        repository = self.repository(kind, repo_id)
        self.answer(200, repository.info(repository.resolve(revision)))

    def auth_check(self, kind, repo_id, write=None):
        self.hub.check_gate(self.repository(kind, repo_id, bool(write)), self.token)
        self.answer(200, {})

    def tree(self, kind, repo_id, revision, path=""):
        repository = self.repository(kind, repo_id)
        self.hub.check_gate(repository, self.token)
        files = repository.commits[repository.resolve(revision)]
        prefix = f"{path.strip('/')}/" if path else ""
        inside = {name: blob for name, blob in files.items() if name.startswith(prefix)}
        if not inside:
            raise Refusal(404, f"{path} does not exist on {revision}", "EntryNotFound")
        entries = [_entry(name, blob) for name, blob in sorted(inside.items())]
        parts = {name[len(prefix) :].rpartition("/")[0] for name in inside}
        folders = {part for name in parts for part in _and_parents(name) if part}
        if self.query.get("recursive", "false").lower() not in ("true", "1"):
            entries = [e for e in entries if "/" not in e["path"][len(prefix) :]]
            folders = {part for part in folders if "/" not in part}
        listed = [{"type": "directory", "path": prefix + part, "oid": "0" * 40} for part in sorted(folders)]
        self.answer(200, listed + entries)

    def paths_info(self, kind, repo_id, revision):
        repository = self.repository(kind, repo_id)
        self.hub.check_gate(repository, self.token)
        if "json" in self.headers.get("Content-Type", ""):
            wanted = json.loads(self.body)["paths"]
        else:
            wanted = urllib.parse.parse_qs(self.body.decode())["paths"]
        files = repository.commits[repository.resolve(revision)]
        entries = [_entry(path, files[path]) for path in wanted if path in files]
        folders = [path for path in wanted if any(name.startswith(f"{path}/") for name in files)]
        self.answer(200, entries + [{"type": "directory", "path": path, "oid": "0" * 40} for path in folders])

    def refs(self, kind, repo_id):
        branches = self.repository(kind, repo_id).branches.items()
        listed = [{"name": name, "ref": f"refs/heads/{name}", "targetCommit": sha} for name, sha in branches]
        self.answer(200, {"branches": listed, "converts": [], "tags": [], "pullRequests": []})

    def branch(self, kind, repo_id, revision):
        repository = self.repository(kind, repo_id, write=True)
        if revision in repository.branches:
            raise Refusal(409, "Reference already exists")
        start = json.loads(self.body or b"{}").get("startingPoint", "main")
        repository.branches[revision] = repository.resolve(start)
        self.answer(200, {})

    def commits(self, kind, repo_id, revision):
        repository = self.repository(kind, repo_id)
        repository.resolve(revision)
        about = {"date": "2026-01-01T00:00:00.000Z", "authors": [], "title": "", "message": ""}
        self.answer(200, [{"id": sha, **about} for sha in reversed(repository.commits)])

    def preupload(self, kind, repo_id, revision):
        repository = self.repository(kind, repo_id, write=True)
        present = repository.commits[repository.resolve(revision)]
        asked = json.loads(self.body)["files"]
        answers = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if is_lfs(file["path"], file["size"]) else "regular",
                "shouldIgnore": False,
                "oid": oid(present[file["path"]]) if file["path"] in present else None,
            }
            for file in asked
        ]
        self.answer(200, {"files": answers})

    def commit(self, kind, repo_id, revision):
        repository = self.repository(kind, repo_id, write=True)
        files = dict(repository.commits[repository.resolve(revision)])
        header, *operations = [json.loads(line) for line in self.body.splitlines() if line.strip()]
        for operation in operations:
            key, value = operation["key"], operation["value"]
            if key == "file":
                files[value["path"]] = Blob(base64.b64decode(value["content"]), False)
            elif key == "lfsFile":
                if value["oid"] not in self.hub.store:
                    raise Refusal(400, f"LFS object {value['oid']} was not uploaded")
                files[value["path"]] = Blob(self.hub.store[value["oid"]], True)
            elif key == "deletedFile":
                del files[value["path"]]
        sha = repository.commit(revision, files, header["value"]["summary"])
        url = f"{self.hub.endpoint}/{repo_id}/commit/{sha}"
        self.answer(200, {"commitUrl": url, "commitOid": sha, "success": True})

    def lfs_batch(self, repo_id, kind=None):
        self.repository("dataset" if kind else "model", repo_id, write=True)
        objects = []
        for wanted in json.loads(self.body)["objects"]:
            actions = {
                "upload": {"href": f"{self.hub.store_endpoint}/upload/{wanted['oid']}"},
                "verify": {"href": f"{self.hub.endpoint}/verify/{wanted['oid']}"},
            }
            objects.append(wanted if wanted["oid"] in self.hub.store else {**wanted, "actions": actions})
        self.answer(200, {"transfer": "basic", "objects": objects})

    def verify(self, oid):
        stored = self.hub.store.get(oid)
        if stored is None or len(stored) != json.loads(self.body)["size"]:
            raise Refusal(400, "the upload did not arrive whole")
        self.answer(200, {})

    def resolve(self, repo_id, revision, path, kind=None):
        repository = self.repository("dataset" if kind else "model", repo_id)
        self.hub.check_gate(repository, self.token)
        sha = repository.resolve(revision)
        blob = repository.commits[sha].get(path)
        headers = {"X-Repo-Commit": sha}
        if blob is None:
            missing = {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"}
            self.answer(404, {"error": "Entry not found"}, headers | missing)
        elif not blob.lfs:
            self.answer(200, blob.content, headers | {"ETag": f'"{oid(blob)}"', "Content-Type": "text/plain"})
        else:
            self.hub.store[oid(blob)] = blob.content
            linked = {"X-Linked-ETag": f'"{oid(blob)}"', "X-Linked-Size": str(len(blob.content))}
            location = f"{self.hub.store_endpoint}/blob/{oid(blob)}?signature=here"
            self.answer(302, b"", headers | linked | {"Location": location})

    def root(self):
        self.answer(200, b"a hub")

    routes = (
        ("GET", "/api/whoami-v2", whoami),
        ("POST", "/api/repos/create", create),
        ("POST", "/api/validate-yaml", validate_yaml),
        ("GET", rf"{API}/auth-check(?P<write>/write)?", auth_check),
        ("GET", rf"{API}/revision/(?P<revision>.+)", info),
        ("GET", rf"{API}/tree/(?P<revision>[^/]+)(?:/(?P<path>.*))?", tree),
        ("POST", rf"{API}/paths-info/(?P<revision>.+)", paths_info),
        ("GET", rf"{API}/refs", refs),
        ("POST", rf"{API}/branch/(?P<revision>.+)", branch),
        ("GET", rf"{API}/commits/(?P<revision>.+)", commits),
        ("POST", rf"{API}/preupload/(?P<revision>.+)", preupload),
        ("POST", rf"{API}/commit/(?P<revision>.+)", commit),
        ("GET", API, info),
        ("POST", rf"/(?P<kind>datasets/)?{ID}\.git/info/lfs/objects/batch", lfs_batch),
        ("POST", r"/verify/(?P<oid>\w+)", verify),
        ("GET|HEAD", rf"/(?P<kind>datasets/)?{ID}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", resolve),
        ("GET|HEAD", "/?", root),
    )


class StoreHandler(Handler):
    """Where large files lie. It must never see a token."""

    def upload(self, oid):
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise Refusal(400, "the content does not have this SHA-256")
        self.hub.store[oid] = self.body
        self.answer(200, b"", {"ETag": f'"{oid}"'})

    def download(self, oid):
        content = self.hub.store[oid]
        headers = {"ETag": f'"{oid}"', "Content-Type": "application/octet-stream", "Accept-Ranges": "bytes"}
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if not found:
            self.answer(200, content, headers)
            return
        start, end = int(found.group(1)), int(found.group(2) or len(content) - 1)
        headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
        self.answer(206, content[start : end + 1], headers)

    routes = (
        ("PUT", r"/upload/(?P<oid>\w+)", upload),
        ("GET|HEAD", r"/blob/(?P<oid>\w+)", download),
    )


def _entry(path, blob):
    entry = {"type": "file", "path": path, "size": len(blob.content), "oid": git_sha1(blob.content)}
    return entry | ({"lfs": {"oid": oid(blob), "size": len(blob.content), "pointerSize": 134}} if blob.lfs else {})


def _and_parents(path):
    parts = path.split("/")
    return ["/".join(parts[: i + 1]) for i in range(len(parts))]
