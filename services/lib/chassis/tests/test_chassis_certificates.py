"""The root certificates of RDS that come with the chassis, without which no function would trust the database."""

from datetime import UTC, datetime, timedelta
from importlib.resources import files

from cryptography import x509
from cryptography.x509.oid import NameOID

CERTIFICATES = x509.load_pem_x509_certificates((files("chassis") / "rds-ca.pem").read_bytes())


def test_every_certificate_is_a_root_that_is_good_for_years() -> None:
    assert CERTIFICATES
    soon = datetime.now(UTC) + timedelta(days=3 * 365)
    for certificate in CERTIFICATES:
        assert certificate.issuer == certificate.subject
        certificate.verify_directly_issued_by(certificate)
        assert certificate.not_valid_after_utc > soon


def test_a_region_has_a_root_for_each_kind_of_key() -> None:
    names = {str(each.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value) for each in CERTIFICATES}
    for region in ("us-east-1", "eu-west-1", "eu-central-1", "ap-northeast-1"):
        for key in ("RSA2048", "RSA4096", "ECC384"):
            assert f"Amazon RDS {region} Root CA {key} G1" in names
