import MatrixCore
import ServerKit
import Store
import TestKit
import Testing

/// What a client hears when the machine does not do its work.
struct FailureTests {
    @Test(arguments: [
        (StoreError.io("x"), 503), (.diskFull("x"), 503), (.unavailable("x"), 503), (.outcomeUnknown("x"), 503), (.busy("x"), 503), (.closed, 503), (.overloaded, 503),
        (.corrupt("x"), 500), (.readOnly("x"), 500), (.statement("x", sql: "y"), 500), (.invalidText, 400),
    ])
    func whatMayPassIsToBeTriedAgain(error: StoreError, status: Int) async throws {
        let app = try await TestApp([Feature("failing", routes: [Route(.get, "/failing", auth: .none) { _, _ in throw error }])])
        let answer = await app.call(.get, "/failing")
        #expect(answer.status == status)
        #expect((answer.headers["Retry-After"] != nil) == (status == 503))
        #expect(answer.errcode?.hasPrefix("M_") == true)
    }
}
