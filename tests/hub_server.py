#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Hugging Face hub on loopback, for tests/cli/hub.bats: it serves one model folder under many names.

usage: hub_server.py MODEL_DIR PORT_FILE LOG

The repository's name says how the server behaves: t/ok behaves, t/cut cuts the connection, and so on (see
MODES). Writes its port to PORT_FILE when it listens; every request is a line "NAME PATH HOST AUTH RANGE" in
LOG, "-" for what is not there. Ends when its standard input does. Python 3 standard library only."""
import hashlib
import http.server
import json
import os
import sys
import threading
import time
import urllib.parse

MODEL_DIR, PORT_FILE, LOG = sys.argv[1:4]
WEIGHTS = "model.safetensors"
LOCK = threading.Lock()
COUNT = {}  # (name, what) -> requests so far
ACTIVE = {}  # name -> [now, most at once]


def read(name):
    with open(os.path.join(MODEL_DIR, name), "rb") as f:
        return f.read()


PLAIN = {name: read(name) for name in sorted(os.listdir(MODEL_DIR))}
EXTRA = {"README.md": b"# hello\n", "pytorch_model.bin": b"pickle", "onnx/model.onnx": b"onnx", ".gitattributes": b"",
         "tf_model.h5": b"h5", "special_tokens_map.json": b"{}", "vocab.txt": b""}


def split_weights():
    """The same tensors in two files with an index."""
    raw = PLAIN[WEIGHTS]
    n = int.from_bytes(raw[:8], "little")
    head, data = json.loads(raw[8:8 + n]), raw[8 + n:]
    head.pop("__metadata__", None)
    names = sorted(head)
    shards, weight_map = {}, {}
    for k, part in enumerate((names[::2], names[1::2])):
        shard, new, body = f"model-0000{k + 1}-of-00002.safetensors", {}, b""
        for t in part:
            a, b = head[t]["data_offsets"]
            new[t] = dict(head[t], data_offsets=[len(body), len(body) + b - a])
            body += data[a:b]
            weight_map[t] = shard
        text = json.dumps(new).encode()
        text += b" " * (-len(text) % 8)
        shards[shard] = len(text).to_bytes(8, "little") + text + body
    shards["model.safetensors.index.json"] = json.dumps({"weight_map": weight_map}).encode()
    return shards


def files_of(name):
    small = {k: v for k, v in PLAIN.items() if k != WEIGHTS}
    if name == "sharded":
        return {**small, **split_weights(), "model-extra.safetensors": b"not in the index"}
    if name == "gguf":
        return {"config.json": PLAIN["config.json"], "q8/small model.gguf": b"GGUF" + bytes(2000), "other.gguf": b"GGUF"}
    if name == "pickle":
        return {**small, "pytorch_model.bin": b"pickle"}
    if name == "bert":
        return {**PLAIN, "modules.json": b"[]", "1_Pooling/config.json": b"{}", "extra/config.json": b"{}"}
    if name == "many":
        return {**PLAIN, **{f"{i}_Dense/config.json": b"{%d}" % i for i in range(30)}}
    if name.startswith("evil"):
        bad = {"evil-up": "../evil", "evil-abs": "/tmp/evil", "evil-back": "a\\..\\evil", "evil-ctl": "a\nb", "evil-empty": "a//b",
               "evil-dot": "a/./b", "evil-deep": "a/../../../../evil", "evil-none": "", "evil-nul": "config.json\0x"}[name]
        return {**PLAIN, bad: b"evil"}
    return {**PLAIN, **EXTRA}


def is_lfs(path):
    return path.endswith((".safetensors", ".gguf", ".bin"))


def tree_row(path, data):
    row = {"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()}
    if is_lfs(path):
        row["oid"] = "0" * 40  # git's sha1 of the pointer, not of the file
        row["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return row


def commit_of(name):
    return hashlib.sha1(name.encode()).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def count(self, what):
        with LOCK:
            COUNT[self.name, what] = COUNT.get((self.name, what), 0) + 1
            return COUNT[self.name, what]

    def note(self):
        h = self.headers
        words = [self.name, self.path, h["Host"], h.get("Authorization", "-").replace(" ", "_"), h.get("Range", "-")]
        with LOCK, open(LOG, "a") as f:
            f.write(" ".join(words) + "\n")

    def send(self, status, body=b"", **headers):
        self.send_response(status)
        for k, v in {"Content-Length": len(body), **headers}.items():
            if v is not None:
                self.send_header(k.replace("_", "-"), str(v))
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, value, **headers):
        self.send(200, json.dumps(value).encode(), **headers)

    def cut(self):
        self.wfile.flush()
        self.close_connection = True

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        parts = urllib.parse.unquote(url.path).lstrip("/").split("/")
        cdn = parts[0] == "cdn"
        api = parts[:2] == ["api", "models"]
        parts = parts[2:] if api else parts[1:] if cdn else parts
        self.name = parts[1] if len(parts) > 1 else "?"
        self.note()
        if api:
            self.do_api(parts, urllib.parse.parse_qs(url.query))
        else:
            self.do_file("/".join(parts[4:]), cdn)

    def do_api(self, parts, query):
        name, what, rev = self.name, parts[2], "/".join(parts[3:])
        if name == "err500" and what == "tree" and self.count("tree") <= 2:
            return self.send(500, b"oops")
        if name == "always500":
            return self.send(503, b"oops")
        if name == "private" and self.headers.get("Authorization") != "Bearer sesame":
            return self.send(401, b'{"error": "Invalid username or password."}', X_Error_Code="RepoNotFound")
        if name == "missing":
            return self.send(404, b'{"error": "Repository not found\\u001b[31m"}', X_Error_Code="RepoNotFound")
        if name == "slow429" and self.count("api") == 1:
            return self.send(429, Retry_After=1)
        if name == "never429":
            return self.send(429, Retry_After=100000)
        if name == "notjson":
            return self.send(200, b"<html>sign in</html>")
        if name == "renamed":
            return self.send(307, Location=f"/api/models/{parts[0]}/ok/{what}/{rev}")
        if what == "revision":
            if rev not in ("main", "v1", "refs/pr/1", commit_of(name)):
                return self.send(404, b'{"error": "Invalid rev id"}', X_Error_Code="RevisionNotFound")
            return self.send_json({"id": "t/" + name, "sha": commit_of(name), "siblings": [{"rfilename": f} for f in files_of(name)]})
        rows = [tree_row(p, d) for p, d in files_of(name).items()]
        rows += [{"type": "directory", "path": "onnx", "size": 0, "oid": "0" * 40}]
        if name == "lies":
            rows = [dict(r, size=r["size"] + 1) for r in rows]
        if name == "twice":
            rows.append(rows[0])
        if name == "pages":
            page = int(query.get("cursor", ["0"])[0])
            more = {"Link": f'<http://{self.headers["Host"]}{self.path.split("?")[0]}?recursive=1&cursor={page + 1}>; rel="next"'}
            return self.send_json(rows[page * 3:page * 3 + 3], **(more if page * 3 + 3 < len(rows) else {}))
        self.send_json(rows)

    def do_file(self, path, cdn):
        name = self.name
        if name == "renamed":
            name = "ok"
        data = files_of(name).get(path)
        if data is None:
            return self.send(404, b'{"error": "Entry not found"}', X_Error_Code="EntryNotFound")
        if name == "many":
            with LOCK:
                now = ACTIVE.setdefault(name, [0, 0])
                now[0] += 1
                now[1] = max(now)
            time.sleep(0.02)
            with LOCK:
                now[0] -= 1
                with open(LOG + ".most", "w") as f:
                    f.write(str(now[1]))
        if name == "gated":
            return self.send(403, b'{"error": "Access to this model is restricted"}', X_Error_Code="GatedRepo")
        if not is_lfs(path):
            if name == "other":
                return self.send(307, Location=f"/cdn{self.path}") if not cdn else self.serve(data)
            return self.serve(data)
        self.do_weights(name, path, data, cdn)

    def do_weights(self, name, path, data, cdn):
        n = self.count(path)
        if name == "loop":
            return self.send(302, Location=self.path)
        if name == "nowhere":
            return self.send(302)
        if name == "ftp":
            return self.send(302, Location="ftp://127.0.0.1/x")
        if name == "expired" and cdn and n == 2:
            return self.send(403, b"<Error>Request has expired</Error>")
        if name in ("other", "private", "expired") and not cdn:
            return self.send(302, Location=f"http://localhost:{PORT}/cdn{self.path}")
        if name == "gone":
            return self.send(404, b"{}")
        if name == "hash":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if name == "badlength":
            return self.serve(data[:1000])
        if name == "long":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(data + b"more")
            return self.cut()
        if name == "wrongrange" and n > 1:
            return self.send(206, data[10:], Content_Range=f"bytes 10-{len(data) - 1}/{len(data)}")
        if name in ("cut", "norange", "wrongrange") and n == 1:
            return self.serve(data, stop=100000)
        if name == "cutalways":
            return self.serve(data, stop=1000)
        if name.startswith("slow-"):
            return self.serve(data, pause=0.02)
        self.serve(data, ranges=name != "norange")

    def serve(self, data, ranges=True, stop=None, pause=0):
        start, want = 0, self.headers.get("Range", "")
        if ranges and want.startswith("bytes="):
            start = int(want[6:].split("-")[0])
            if start >= len(data):
                return self.send(416)
        body = data[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if stop is not None:
            self.wfile.write(body[:stop])
            return self.cut()
        step = 10000 if pause else len(body) or 1
        for i in range(0, len(body), step):
            self.wfile.write(body[i:i + step])
            self.wfile.flush()
            time.sleep(pause)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients that go away are part of the tests


server = Server(("127.0.0.1", 0), Handler)
PORT = server.server_address[1]
with open(PORT_FILE + ".new", "w") as f:
    f.write(str(PORT))
os.rename(PORT_FILE + ".new", PORT_FILE)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
