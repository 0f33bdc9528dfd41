"""Who takes the journeys beside the office: a crew's phone."""

import pytest

from tests.another_system import Login
from tests.product import Product

CREW = "crew-08"
"""No other test has its cell fail."""


@pytest.fixture
def phone(running_product: Product) -> Login:
    return Login.of(running_product, CREW, "crew-demo")
