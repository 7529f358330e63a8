"""What the black-box tests share: the server process, raw HTTP, an own SigV4 signer, a caller.

Nothing here is taken from the server's sources: the tests know the server only by its wire.
"""
