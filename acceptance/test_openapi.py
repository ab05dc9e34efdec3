"""The desk API's description, as a tool that we did not write reads it."""

from __future__ import annotations

import httpx
from openapi_spec_validator import OpenAPIV31SpecValidator


def test_the_document_is_valid_openapi(shared_server):
    answer = httpx.get(shared_server.base + "/_comptoir/desk/v1/openapi.json")
    assert answer.status_code == 200 and answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert document["openapi"].startswith("3.1.") and len(document["paths"]) > 30
    assert [str(error) for error in OpenAPIV31SpecValidator(document).iter_errors()] == []
