@testable import App
import Testing

@Suite struct PostgresToolsTests {
    @Test(arguments: [
        ("postgresql://me:se%40cret@host:5432/db", "postgresql://me@host:5432/db", "se@cret"),
        ("postgresql://me@host/db", "postgresql://me@host/db", nil),
        ("postgresql://host/db?x=a:b@c", "postgresql://host/db?x=a:b@c", nil),
    ] as [(String, String, String?)])
    func aPasswordIsTakenOutOfTheURL(url: String, bare: String, password: String?) {
        let parts = PostgresTools.split(url)
        #expect(parts.url == bare)
        #expect(parts.password == password)
    }
}
