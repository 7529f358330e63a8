"""A storage service that encrypts every object for the user who sends it, under the user's own
permissions. It speaks as much of S3 as `aws s3api put-object` and `get-object` need.

    keystead dev &
    python storage_service.py --port 9000
    aws --endpoint-url http://127.0.0.1:9000 s3api put-object --bucket b --key k --body FILE

Needs boto3 and cryptography. See docs/services.md.
"""

import argparse
import hashlib
import os
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as xml
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

STORED = {}


def forward(endpoint, region, own, request, body):
    """Exchanges the user's signed request for credentials with which this service is the user."""
    path, _, query = request.path.partition("?")
    form = {"Action": "GetForwardAccessSession", "Version": "2011-06-15", "Method": request.command}
    form |= {"Uri": path, "Query": query, "PayloadSha256": hashlib.sha256(body).hexdigest()}
    signed = request.headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0]
    names = ["authorization", *signed.split(";")]
    kept = [(n, v) for n, v in request.headers.items() if n.lower() in names]
    for at, (name, value) in enumerate(kept, 1):
        form |= {f"Headers.member.{at}.Name": name, f"Headers.member.{at}.Value": value}
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    call = AWSRequest("POST", endpoint, data=urllib.parse.urlencode(form), headers=headers)
    SigV4Auth(own, "sts", region).add_auth(call)
    sent = urllib.request.Request(endpoint, call.data.encode(), dict(call.headers))
    answer = xml.fromstring(urllib.request.urlopen(sent, timeout=10).read())
    parts = {node.tag.partition("}")[2]: node.text for node in answer.iter()}
    return boto3.client(
        "kms", region, endpoint_url=endpoint, aws_access_key_id=parts["AccessKeyId"],
        aws_secret_access_key=parts["SecretAccessKey"], aws_session_token=parts["SessionToken"],
    )


class Storage(BaseHTTPRequestHandler):
    """PUT and GET of /bucket/key."""

    protocol_version = "HTTP/1.1"

    def kms(self, body=b""):
        options = self.server.options
        own = Credentials(options.access_key_id, options.secret_access_key)
        return forward(options.keystead, options.region, own, self, body)

    def context(self):
        bucket, _, key = self.path.partition("?")[0].lstrip("/").partition("/")
        return {"aws:s3:arn": f"arn:aws:s3:::{bucket}/{key}"}

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, error):
        unknown = {"Code": "AccessDenied", "Message": str(error)}
        reason = getattr(error, "response", {}).get("Error", unknown)
        root = xml.Element("Error")
        for name in ("Code", "Message"):
            xml.SubElement(root, name).text = reason[name]
        self.answer(403, xml.tostring(root))

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            key = self.headers.get("x-amz-server-side-encryption-aws-kms-key-id", "alias/aws/s3")
            made = self.kms(body).generate_data_key(
                KeyId=key, KeySpec="AES_256", EncryptionContext=self.context()
            )
        except (ClientError, urllib.error.HTTPError) as error:
            return self.refuse(error)
        nonce = os.urandom(12)
        sealed = AESGCM(made["Plaintext"]).encrypt(nonce, body, None)
        STORED[self.path.partition("?")[0]] = (made["CiphertextBlob"], nonce, sealed)
        self.answer(200, ETag=f'"{hashlib.md5(sealed).hexdigest()}"')

    def do_GET(self):
        if (found := STORED.get(self.path.partition("?")[0])) is None:
            return self.answer(404)
        wrapped, nonce, sealed = found
        try:
            key = self.kms().decrypt(CiphertextBlob=wrapped, EncryptionContext=self.context())
        except (ClientError, urllib.error.HTTPError) as error:
            return self.refuse(error)
        self.answer(200, AESGCM(key["Plaintext"]).decrypt(nonce, sealed, None))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--keystead", default="http://127.0.0.1:4599", help="Keystead's endpoint")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--access-key-id", default="service_s3", help="this service's own")
    parser.add_argument("--secret-access-key", default="test")
    server = ThreadingHTTPServer(("127.0.0.1", (options := parser.parse_args()).port), Storage)
    server.options = options
    print(f"serving on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
