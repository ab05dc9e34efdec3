import MatrixCore
import ServerKit

/// A service asks whether this server can reach it.
/// Spec: https://spec.matrix.org/latest/application-service-api/#post_matrixclientv1appserviceappserviceidping
extension AppService {
    var pingRoutes: [Route] { [Route(.post, "/_matrix/client/v1/appservice/{appserviceId}/ping", ping)] }

    private func ping(_ request: Request, _ c: Context) async throws -> Response {
        let id = try request.param("appserviceId"), registry = registry
        guard let number = registry.number(id: id), request.user.service == id else {
            throw MatrixError.forbidden("Only the application service itself can do that.")
        }
        var body = JSONObject()
        if let transaction = try request.json().string("transaction_id", max: 1024) { body["transaction_id"] = .string(transaction) }
        let service = registry.services[number]
        guard service.url != nil else { throw MatrixError(400, "M_URL_NOT_SET", "The registration of this application service has no URL.") }
        let began = c.clock.now
        let response: OutboundResponse
        do { response = try await c.outbound.send(Calls.request(service, "POST", "/_matrix/app/v1/ping", body: body.encoded())) } catch let error as OutboundError {
            if error == .timeout { throw MatrixError(504, "M_CONNECTION_TIMEOUT", "The application service did not answer in time.") }
            throw MatrixError(502, "M_CONNECTION_FAILED", "The application service could not be reached: \(error).")
        }
        guard (200..<300).contains(response.status) else {
            throw MatrixError(502, "M_BAD_STATUS", "The application service answered \(response.status).",
                              extra: ["status": .int(Int64(response.status)), "body": .string(String(decoding: response.body.prefix(4096), as: UTF8.self))])
        }
        return .json(["duration_ms": .int(max(0, c.clock.now - began))])
    }
}
