"""The web application: every declared operation behind one gate, the built front end beside it."""

import logging
import math
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

from flask import Flask, Request, Response, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.wrappers import Response as WerkzeugResponse

from field_api.http import (
    routes_alarms,
    routes_assessment,
    routes_audit,
    routes_calendar,
    routes_central_queue,
    routes_demo,
    routes_devices,
    routes_dispatch,
    routes_explanations,
    routes_gateway,
    routes_gis,
    routes_identifiers,
    routes_incidents,
    routes_information,
    routes_network,
    routes_network_changes,
    routes_notices,
    routes_organisation,
    routes_outages,
    routes_paper,
    routes_people,
    routes_people_findings,
    routes_photos,
    routes_planned_work,
    routes_public,
    routes_registers,
    routes_reliability,
    routes_session,
    routes_site,
    routes_switching,
    routes_sync,
    routes_system,
    routes_tickets,
    routes_tracing,
    routes_villages,
    routes_webhooks,
    routes_work,
    routes_work_types,
)
from field_api.http.auditing import is_written, write_act, write_refusal
from field_api.http.etags import entity_tag, is_known
from field_api.http.languages import language_of
from field_api.http.measures import Measures
from field_api.http.metrics import registry_of
from field_api.http.operations import JSON, Answer, Call, Operation
from field_api.http.problems import FieldRefusal, HttpProblem, invalid, problem_of
from field_api.http.security import authorise, harden, known
from field_api.http.services import Services, WebConfig
from field_api.http.static_files import add_front_end
from field_api.saying import Said
from field_api.usecases.errors import Refused
from field_api.usecases.login import Identity
from telemetry.ports import ReadingsAway

MAX_BODY_BYTES: Final = 64 * 1024
_LOG: Final = logging.getLogger(__name__)

BOOKS: Final = (
    routes_session.operations,
    routes_site.operations,
    routes_outages.operations,
    routes_explanations.operations,
    routes_work.operations,
    routes_tickets.operations,
    routes_webhooks.operations,
    routes_gis.operations,
    routes_paper.operations,
    routes_notices.operations,
    routes_information.operations,
    routes_public.operations,
    routes_work_types.operations,
    routes_incidents.operations,
    routes_photos.operations,
    routes_sync.operations,
    routes_devices.operations,
    routes_dispatch.operations,
    routes_gateway.operations,
    routes_network.operations,
    routes_identifiers.operations,
    routes_network_changes.operations,
    routes_switching.operations,
    routes_planned_work.operations,
    routes_tracing.operations,
    routes_registers.operations,
    routes_reliability.operations,
    routes_alarms.operations,
    routes_calendar.operations,
    routes_organisation.operations,
    routes_villages.operations,
    routes_assessment.operations,
    routes_central_queue.operations,
    routes_people.operations,
    routes_people_findings.operations,
    routes_audit.operations,
    routes_system.operations,
    routes_demo.operations,
)


def all_operations(demo: bool) -> tuple[Operation, ...]:
    """Every operation of the API; those of the demo only where there is one."""
    return tuple(one for book in BOOKS for one in book.listed if demo or not one.demo)


def create_app(services: Services) -> Flask:
    """The application; nothing is opened or connected here."""
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    operations = all_operations(services.config.demo)
    measures = Measures((one.name for one in operations), services.config.shared)
    add_operations(app, services, operations, measures)
    add_front_end(app, services.config.dist)
    add_gate(app, services.config)
    return app


def add_gate(app: Flask, config: WebConfig) -> None:
    """What holds for every request: problems instead of pages, hardened headers."""

    @app.after_request
    def _hardened(response: Response) -> Response:
        return harden(response, request, config)

    app.register_error_handler(HttpProblem, lambda problem: problem.response(language_of(request)))
    app.register_error_handler(HTTPException, _http_exception)
    app.register_error_handler(Exception, _unexpected)


def add_operations(
    app: Flask, services: Services, operations: Iterable[Operation], measures: Measures
) -> None:
    """Route each operation."""
    app.extensions["gridcrew_metrics"] = registry_of(services, measures)
    listed = tuple(operations)
    app.extensions["gridcrew_operations"] = listed
    for operation in listed:
        app.add_url_rule(
            operation.rule,
            endpoint=f"{operation.method} {operation.path}",
            view_func=_view(operation, services, measures),
            methods=[operation.method],
            provide_automatic_options=False,
        )


class _View:
    """One operation as Flask calls it."""

    def __init__(self, operation: Operation, services: Services, measures: Measures) -> None:
        self._operation = operation
        self._services = services
        self._measures = measures
        self.__name__ = operation.name

    def __call__(self, **path: str) -> WerkzeugResponse:
        status = 500
        try:
            response = self._answered(path)
            status = response.status_code
        except HttpProblem as problem:
            status = problem.status
            raise
        finally:
            self._measures.count(self._operation.name, status)
        return response

    def _answered(self, path: dict[str, str]) -> WerkzeugResponse:
        operation, services = self._operation, self._services
        identity = known(request, operation, services)
        try:
            if identity is not None:
                authorise(request, operation, identity)
            response = self._handled(path, identity)
        except HttpProblem as problem:
            if (
                identity is not None
                and problem.status == 403
                and not services.refusals.wait_s(identity.user.id)
            ):
                write_refusal(services.desk, request, identity, operation, path, services.clock())
            raise
        if identity is not None and response.status_code < 400 and is_written(operation):
            write_act(services.desk, request, identity, operation, path, response, services.clock())
        return response

    def _handled(self, path: dict[str, str], identity: Identity | None) -> WerkzeugResponse:
        _check_path(path)
        if self._operation.max_body:
            request.max_content_length = self._operation.max_body
        call = Call(
            services=self._services,
            request=request,
            identity=identity,
            path=path,
            query_model=_query(request, self._operation),
            body_model=_body(request, self._operation),
            now_ms=self._services.clock(),
        )
        try:
            return _response(self._operation.handler(call), self._operation)
        except Refused as refused:
            raise problem_of(refused) from refused
        except ReadingsAway as away:
            _LOG.warning("the store of readings is away: %s", away)
            raise HttpProblem(503, "request.readings_away") from away


def _view(operation: Operation, services: Services, measures: Measures) -> _View:
    return _View(operation, services, measures)


def _check_path(path: dict[str, str]) -> None:
    for name, value in path.items():
        if len(value) > 128 or any(not letter.isprintable() for letter in value):
            raise HttpProblem(404, "request.no_id", name=name)


def _query(sent: Request, operation: Operation) -> BaseModel | None:
    if operation.query is None:
        if sent.args:
            names = [FieldRefusal(name, Said("input.unknown_field")) for name in sent.args]
            raise HttpProblem(422, "request.unknown_parameter", errors=names[:20])
        return None
    repeated = [name for name, values in sent.args.lists() if len(values) > 1]
    if repeated:
        raise HttpProblem(operation.bad_query, "request.repeated_parameter", parameters=tuple(repeated[:5]))
    try:
        return operation.query.model_validate(sent.args.to_dict())
    except ValidationError as problem:
        raise invalid(problem, "request.bad_query", operation.bad_query) from problem


def _body(sent: Request, operation: Operation) -> BaseModel | None:
    if operation.body is None:
        return None
    if sent.mimetype != JSON:
        raise HttpProblem(415, "request.not_json_type")
    try:
        return operation.body.model_validate_json(sent.get_data())
    except ValidationError as problem:
        if problem.errors()[0]["type"] == "json_invalid":
            raise HttpProblem(400, "request.not_json") from problem
        raise invalid(problem, "request.bad_body") from problem


def _response(answer: Answer, operation: Operation) -> WerkzeugResponse:
    body = answer.body
    text = body.model_dump_json(by_alias=True) if isinstance(body, BaseModel) else body
    response = Response(text, answer.status, dict(answer.headers))
    if body is None:
        del response.headers["Content-Type"]
    elif "Content-Type" not in answer.headers:
        response.content_type = operation.media_type
    if operation.conditional and answer.status == HTTPStatus.OK:
        return _unless_known(response, answer.revision)
    return response


def _unless_known(response: Response, revision: int | None) -> Response:
    """The answer with its tag, or 304 where the asker holds just that."""
    tag = entity_tag(response.get_data(), revision)
    if is_known(request.headers.get("If-None-Match", ""), tag):
        response = Response(status=HTTPStatus.NOT_MODIFIED)
        del response.headers["Content-Type"]
    response.headers["ETag"] = tag
    return response


_CODES: Final = {
    400: "request.malformed",
    404: "request.no_such_place",
    405: "request.method",
    413: "request.too_large",
}
"""What the framework refuses by itself."""


def _http_exception(problem: HTTPException) -> WerkzeugResponse:
    headers: dict[str, str] = {}
    if isinstance(problem, MethodNotAllowed) and problem.valid_methods:
        headers["Allow"] = ", ".join(sorted(problem.valid_methods))
    if isinstance(problem, RequestEntityTooLarge):
        headers["Connection"] = "close"
    if problem.code is None or math.floor(problem.code / 100) == 3:
        return problem.get_response()
    code = _CODES.get(problem.code, "request.refused")
    return HttpProblem(problem.code, code, headers=headers).response(language_of(request))


def _unexpected(problem: Exception) -> WerkzeugResponse:
    _LOG.error(
        "unexpected %s in %s %s", type(problem).__name__, request.method, request.path, exc_info=problem
    )
    return HttpProblem(500, "request.failed_here").response(language_of(request))
