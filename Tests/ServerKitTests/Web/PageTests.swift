@testable import ServerKit
import TestKit
import Testing

@Suite struct PageTests {
    @Test func everyTextIsEscaped() {
        let evil = "<script>alert('1')</script>\"&"
        let page = Page(evil, language: "en", [.text(evil), .link(evil, href: "https://x/?a=\"><script>"), .form(evil, action: "/x\"", fields: [(name: evil, value: evil)])])
        #expect(!page.html.contains("<script>") && !page.html.contains("\"&\""))
        #expect(page.html.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&quot;&amp;"))
    }
    @Test func nothingRunsAndNobodyFramesIt() {
        let policy = Page("x", language: "fr", []).response().headers["Content-Security-Policy"] ?? ""
        #expect(policy.contains("default-src 'none'") && policy.contains("script-src 'none'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"))
        let own = Page("x", language: "fr", [], script: "1").response().headers["Content-Security-Policy"] ?? ""
        #expect(own.contains("script-src 'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s='"))
    }
}
