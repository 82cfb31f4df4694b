"""The signer: the only process that holds the certificate authorities' keys."""
