// The AWS SDK for JavaScript v3 against the server at KEYSTEAD_ENDPOINT. Run by test_js.py.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  DisabledException,
  EncryptCommand,
  GenerateDataKeyCommand,
  InvalidCiphertextException,
  KMSClient,
  NotFoundException,
  ScheduleKeyDeletionCommand,
  paginateListAliases,
  paginateListKeys,
} from "@aws-sdk/client-kms";

const client = (secretAccessKey = "test") =>
  new KMSClient({
    endpoint: process.env.KEYSTEAD_ENDPOINT,
    region: "us-east-1",
    credentials: { accessKeyId: process.env.KEYSTEAD_ACCOUNT, secretAccessKey },
    maxAttempts: 1,
  });
const kms = client();
const context = { purpose: "test", "ünï": "\u{1f511}" };
const newKey = async () => (await kms.send(new CreateKeyCommand({}))).KeyMetadata;

test("create and describe", async () => {
  const meta = await newKey();
  assert.ok(meta.CreationDate instanceof Date);
  const described = await kms.send(new DescribeKeyCommand({ KeyId: meta.Arn }));
  assert.deepEqual(described.KeyMetadata, meta);
  assert.match(described.$metadata.requestId, /^[0-9a-f-]{36}$/);
});

test("encrypt and decrypt", async () => {
  const meta = await newKey();
  const plaintext = Uint8Array.from({ length: 1000 }, (_, index) => index % 256);
  const sealed = await kms.send(
    new EncryptCommand({ KeyId: meta.KeyId, Plaintext: plaintext, EncryptionContext: context }),
  );
  const opened = await kms.send(
    new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: context }),
  );
  assert.deepEqual(Uint8Array.from(opened.Plaintext), plaintext);
  assert.equal(opened.KeyId, meta.Arn);
  await assert.rejects(
    kms.send(new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob })),
    InvalidCiphertextException,
  );
});

test("data keys", async () => {
  const meta = await newKey();
  const data = await kms.send(new GenerateDataKeyCommand({ KeyId: meta.KeyId, KeySpec: "AES_256" }));
  assert.equal(data.Plaintext.length, 32);
  const opened = await kms.send(new DecryptCommand({ CiphertextBlob: data.CiphertextBlob }));
  assert.deepEqual(opened.Plaintext, data.Plaintext);
});

test("pagination", async () => {
  const ids = new Set();
  for await (const page of paginateListKeys({ client: kms, pageSize: 1 }, {})) {
    for (const key of page.Keys) ids.add(key.KeyId);
  }
  assert.ok(ids.size >= 3);
  const target = [...ids][0];
  for (const name of ["alias/js-a", "alias/js-b", "alias/js-c"]) {
    await kms.send(new CreateAliasCommand({ AliasName: name, TargetKeyId: target }));
  }
  const names = [];
  for await (const page of paginateListAliases({ client: kms, pageSize: 2 }, {})) {
    names.push(...page.Aliases.map((alias) => alias.AliasName));
  }
  assert.deepEqual(names.sort(), ["alias/js-a", "alias/js-b", "alias/js-c"]);
});

test("errors are of their classes", async () => {
  await assert.rejects(kms.send(new DescribeKeyCommand({ KeyId: "nope" })), (error) => {
    assert.ok(error instanceof NotFoundException);
    assert.equal(error.message, "Invalid keyId 'nope'");
    assert.equal(error.$metadata.httpStatusCode, 400);
    return true;
  });
  const meta = await newKey();
  await kms.send(new DisableKeyCommand({ KeyId: meta.KeyId }));
  await assert.rejects(
    kms.send(new EncryptCommand({ KeyId: meta.KeyId, Plaintext: new Uint8Array([1]) })),
    (error) => error instanceof DisabledException && error.message === `${meta.Arn} is disabled.`,
  );
  await assert.rejects(client("wrong").send(new CreateKeyCommand({})), {
    name: "InvalidSignatureException",
  });
});

test("dates", async () => {
  const meta = await newKey();
  const out = await kms.send(
    new ScheduleKeyDeletionCommand({ KeyId: meta.KeyId, PendingWindowInDays: 7 }),
  );
  assert.ok(Math.abs(out.DeletionDate - Date.now() - 7 * 86_400_000) < 86_400_000);
});
