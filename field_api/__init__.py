"""Who goes where by when: work, rules, people, the HTTP API and its pages."""
