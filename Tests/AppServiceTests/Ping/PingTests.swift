import MatrixCore
import ServerKit
import TestKit
import Testing

struct PingTests {
    private func ping(_ port: Port, _ id: String = "irc", token: String = "as-secret", body: JSON = [:]) async -> TestResponse {
        await port.app.call(.post, "/_matrix/client/v1/appservice/\(id)/ping", token: token, json: body)
    }

    @Test func theServiceLearnsThatItIsReached() async throws {
        let port = try await Port()
        let answer = try await ping(port, body: ["transaction_id": "t1"]).expect(200)
        #expect(answer["duration_ms"]?.intValue != nil)
        let call = try #require(port.line.calls.first)
        #expect(call.method == "POST" && call.path == "/_matrix/app/v1/ping" && call.body == ["transaction_id": "t1"] && call.token == "Bearer hs-secret")
    }

    @Test func whatIsWrongHasItsOwnCode() async throws {
        let port = try await Port()
        #expect(try await ping(port, token: port.ann.token).expect(403)["errcode"] == "M_FORBIDDEN")
        #expect(try await ping(port, "other").expect(403)["errcode"] == "M_FORBIDDEN")
        #expect(try await ping(port, "other", token: "other-secret").expect(400)["errcode"] == "M_URL_NOT_SET")
        port.line.answer { _ in (418, ["tea": true]) }
        let refused = try await ping(port).expect(502)
        #expect(refused["errcode"] == "M_BAD_STATUS" && refused["status"] == 418 && refused["body"] == #"{"tea":true}"#)
        port.line.answer { _ in throw OutboundError.timeout }
        #expect(try await ping(port).expect(504)["errcode"] == "M_CONNECTION_TIMEOUT")
        port.line.answer { _ in throw OutboundError.unreachable("no route") }
        #expect(try await ping(port).expect(502)["errcode"] == "M_CONNECTION_FAILED")
        #expect(try await ping(port, body: ["transaction_id": 5]).expect(400)["errcode"] == "M_BAD_JSON")
    }
}
