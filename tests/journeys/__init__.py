"""Whole journeys on the running product, over MQTT and HTTP alone, as another system would take them."""
