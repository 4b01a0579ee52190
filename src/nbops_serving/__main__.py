"""``python -m nbops_serving BUNDLE``: serve one bundle until told to stop."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line and serve.

    Args:
        arguments: the command line without the program; the process's own when not given.

    Returns:
        The exit status.
    """
    options = _parser().parse_args(arguments)
    # numpy reads these when it is imported: before anything else of this package is.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from nbops_serving import server
    from nbops_serving.app import Limits
    from nbops_serving.bundle import TamperedError
    from nbops_serving.signatures import UntrustedError

    limits = Limits(body_bytes=options.max_body, rows=options.max_rows, body_seconds=options.body_seconds)
    try:
        return server.run(
            server.Options(
                bundle=options.bundle,
                digest=options.digest,
                trusted_keys=options.trusted_key,
                host=options.host,
                port=options.port,
                log=options.log,
                workers=options.workers,
                keys=options.keys,
                tls_certificate=options.tls_certificate,
                tls_key=options.tls_key,
                limits=limits,
                unseen=options.unseen,
                out_of_range=options.out_of_range,
                extra=options.extra,
            )
        )
    except (TamperedError, UntrustedError, ValueError, OSError) as error:
        server.fail(error)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nbops_serving", description="Serve the model of a bundle over HTTP.")
    parser.add_argument("bundle", help="folder with manifest.json")
    parser.add_argument("--digest", help="refuse any other bundle than the one with this sha256 of manifest.json")
    parser.add_argument(
        "--trusted-key",
        metavar="KEY",
        action="append",
        default=os.environ.get("NBOPS_TRUSTED_KEYS", "").replace(",", " ").split(),
        help="refuse a bundle that no such key has signed: 32 bytes of Ed25519 as base64; may be repeated "
        "(and $NBOPS_TRUSTED_KEYS)",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one, see the ready line")
    parser.add_argument("--log", metavar="FOLDER", help="write the prediction log here")
    parser.add_argument("--workers", type=_positive, default=1, help="processes that answer (default: %(default)s)")
    parser.add_argument(
        "--keys",
        metavar="FILE",
        default=os.environ.get("NBOPS_API_KEYS_FILE") or None,
        help="ask for an API key of this file (default: $NBOPS_API_KEYS_FILE); see python -m nbops_serving.keys",
    )
    parser.add_argument("--tls-certificate", metavar="FILE", help="speak HTTPS with this certificate chain, in PEM")
    parser.add_argument("--tls-key", metavar="FILE", help="its private key, in PEM, unless the other file has it")
    parser.add_argument("--max-body", type=_positive, default=8 * 2**20, metavar="BYTES", help="largest request body")
    parser.add_argument("--max-rows", type=_positive, default=10_000, metavar="ROWS", help="most rows in one request")
    parser.add_argument(
        "--body-seconds", type=_positive, default=30, metavar="S", help="longest time a request may take to arrive"
    )
    for name, said in (
        ("--unseen", "a category that training never saw"),
        ("--out-of-range", "a number outside of the range of training"),
        ("--extra", "a field that the model does not take"),
    ):
        parser.add_argument(name, choices=("accept", "reject"), help=f"what to do with {said}; else as the bundle says")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return number


if __name__ == "__main__":
    sys.exit(main())
