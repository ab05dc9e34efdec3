import Logging
import MatrixCore
import ServerKit

/// Requests to application services.
enum Calls {
    static let timeout: Int64 = 20_000

    /// The address is the operator's: it may be in the private network.
    static func request(_ service: Registration, _ method: String, _ path: String, body: [UInt8]? = nil, timeout: Int64 = timeout) -> OutboundRequest {
        var headers = [(name: "Authorization", value: "Bearer " + service.hsToken)]
        if body != nil { headers.append((name: "Content-Type", value: "application/json")) }
        return OutboundRequest(method, (service.url ?? "") + path, headers: headers, body: body ?? [], timeout: timeout, isTrusted: true)
    }

    /// What a service answers to a question, as JSON; nil when it has no answer, cannot be reached, or talks nonsense.
    static func ask(_ c: Context, _ service: Registration, _ path: String) async throws -> JSON? {
        guard service.url != nil else { return nil }
        let response: OutboundResponse
        do { response = try await c.outbound.send(request(service, "GET", path)) } catch let error as OutboundError {
            c.log.warning("an application service was not reached", metadata: ["appservice.id": "\(service.id)", "error": "\(error)"])
            return nil
        }
        guard response.status == 200 else { return nil }
        do { return try JSON.parse(response.body) } catch {
            c.log.warning("an application service answered no JSON", metadata: ["appservice.id": "\(service.id)"])
            return nil
        }
    }
}
