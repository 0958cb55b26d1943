"""Signed assertions (JWT) and the key that verifies them. What PyJWT and cryptography do is loaded only when asked for."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.sandbox.errors import SandboxError


class BadAssertion(Exception):
    """An assertion that this key did not sign."""


def verifying_key(pem: bytes) -> bytes:
    """The PEM public key of a PEM certificate or public key. Raises SandboxError when it holds no RSA key."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

    try:
        is_certificate = b"BEGIN CERTIFICATE" in pem
        key = x509.load_pem_x509_certificate(pem).public_key() if is_certificate else load_pem_public_key(pem)
    except ValueError as error:
        raise SandboxError(
            "the certificate for JWT logins is not PEM: give a PEM certificate or public key"
        ) from error
    if not isinstance(key, RSAPublicKey):
        raise SandboxError("the certificate for JWT logins holds no RSA key: JWT logins are signed by RS256")
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def verified_claims(assertion: str, public_key: bytes) -> Mapping[str, object]:
    """The claims of a signed assertion; what they say is for the caller to check. Raises BadAssertion."""
    import jwt

    try:
        claims: Mapping[str, object] = jwt.decode(
            assertion,
            public_key,
            algorithms=["RS256"],
            options={"verify_exp": False, "verify_aud": False, "verify_iat": False, "verify_nbf": False},
        )
    except jwt.PyJWTError as error:
        raise BadAssertion(str(error)) from error
    return claims
