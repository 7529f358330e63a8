"""A storage service that encrypts each object for the user who sends it, under the user's own
permissions. It speaks as much of S3 as `aws s3api put-object` and `get-object` need.
docs/services.md tells how to try it. Needs boto3 and cryptography.
"""

import argparse
import hashlib
import os
import xml.etree.ElementTree as xml
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.httpsession import URLLib3Session
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
STORED = {}


class Storage(BaseHTTPRequestHandler):
    """PUT and GET of /bucket/key."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        key = self.headers.get("x-amz-server-side-encryption-aws-kms-key-id", "alias/aws/s3")
        made = self.kms("generate_data_key", body, KeyId=key, KeySpec="AES_256")
        if made:
            nonce = os.urandom(12)
            sealed = AESGCM(made["Plaintext"]).encrypt(nonce, body, None)
            STORED[self.path.partition("?")[0]] = made["CiphertextBlob"], nonce, sealed
            self.answer(200)

    def do_GET(self):
        found = STORED.get(self.path.partition("?")[0])
        if not found:
            return self.answer(404)
        wrapped, nonce, sealed = found
        key = self.kms("decrypt", CiphertextBlob=wrapped)
        if key:
            self.answer(200, AESGCM(key["Plaintext"]).decrypt(nonce, sealed, None))

    def kms(self, operation, body=b"", **members):
        """Asks KMS as the user who signed this request; a refusal is our answer to the user."""
        context = {"path": self.path.partition("?")[0]}
        try:
            client = boto3.client("kms", OWN.region, endpoint_url=OWN.keystead, **self.user(body))
            return getattr(client, operation)(EncryptionContext=context, **members)
        except ClientError as error:
            told = xml.Element("Error")
            for name in ("Code", "Message"):
                xml.SubElement(told, name).text = error.response["Error"][name]
            self.answer(403, xml.tostring(told))

    def user(self, body):
        """Exchanges the user's signed request for credentials with which we are the user."""
        path, _, query = self.path.partition("?")
        form = {"Action": "GetForwardAccessSession", "Version": "2011-06-15", "Uri": path}
        form |= {"Query": query, "Method": self.command}
        form |= {"PayloadSha256": hashlib.sha256(body).hexdigest()}
        signed = self.headers["Authorization"].partition("SignedHeaders=")[2].partition(",")[0]
        names = ["authorization", *signed.split(";")]
        kept = [pair for pair in self.headers.items() if pair[0].lower() in names]
        for at, (name, value) in enumerate(kept, 1):
            form |= {f"Headers.member.{at}.Name": name, f"Headers.member.{at}.Value": value}
        call = AWSRequest("POST", OWN.keystead, FORM, form)
        SigV4Auth(Credentials(OWN.access_key_id, OWN.secret), "sts", OWN.region).add_auth(call)
        answer = URLLib3Session().send(call.prepare())
        parts = xml.fromstring(answer.text).iter()
        told = {part.tag.partition("}")[2]: part.text for part in parts}
        if answer.status_code != 200:
            raise ClientError({"Error": told}, form["Action"])
        return {
            "aws_access_key_id": told["AccessKeyId"],
            "aws_secret_access_key": told["SecretAccessKey"],
            "aws_session_token": told["SessionToken"],
        }

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


options = argparse.ArgumentParser(description=__doc__)
options.add_argument("--port", type=int, default=9000)
options.add_argument("--keystead", default="http://127.0.0.1:4599", help="Keystead's endpoint")
options.add_argument("--region", default="us-east-1")
options.add_argument("--access-key-id", default="service_s3", help="this service's own")
options.add_argument("--secret", default="test", help="the secret of that access key")
OWN = options.parse_args()
server = ThreadingHTTPServer(("127.0.0.1", OWN.port), Storage)
print(f"serving on http://127.0.0.1:{OWN.port}", flush=True)
server.serve_forever()
