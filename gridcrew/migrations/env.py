"""Alembic's entry: run the scripts on the connection that the runner opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
