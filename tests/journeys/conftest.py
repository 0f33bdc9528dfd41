"""Who takes the journeys: the office, and a crew's phone."""

import pytest

from tests.journeys.another_system import Login
from tests.product import Product

CREW = "crew-08"
"""No other test has its cell fail."""


@pytest.fixture
def desk(running_product: Product) -> Login:
    return Login.of(running_product, running_product.username, running_product.password)


@pytest.fixture
def phone(running_product: Product) -> Login:
    return Login.of(running_product, CREW, "crew-demo")
