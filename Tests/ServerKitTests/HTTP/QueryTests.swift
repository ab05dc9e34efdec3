import ServerKit
import Testing

struct QueryTests {
    private func page(_ items: [(name: String, value: String)], direction: String = "f") throws -> [Int64] {
        let page = try Query(items).listPage(direction: direction)
        return [page.from, page.limit, page.isReversed ? 1 : 0]
    }

    @Test func aPageOfAListIsSaidByFromLimitAndDirection() throws {
        #expect(try page([]) == [0, 100, 0])
        #expect(try page([], direction: "b") == [0, 100, 1])
        #expect(try page([("from", "7"), ("limit", "0"), ("dir", "b")]) == [7, 0, 1])
        #expect(try page([("dir", "f")], direction: "b") == [0, 100, 0])
    }

    @Test(arguments: [("from", "-1"), ("from", "x"), ("limit", "-1"), ("limit", "100001"), ("dir", ""), ("dir", "down")])
    func whatIsNoPageIsRefused(name: String, value: String) {
        let error = #expect(throws: MatrixError.self) { _ = try page([(name, value)]) }
        #expect(error?.status == 400 && error?.errcode == "M_INVALID_PARAM")
    }
}
