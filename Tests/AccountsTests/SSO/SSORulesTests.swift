@testable import Accounts
import MatrixCore
import ServerKit
import Testing

@Suite struct SSORulesTests {
    @Test(arguments: ["https://client?p=http%3A%2F%2Fserver", "http://localhost:1/x", "io.element.app:/callback", "element://x"])
    func appsAndPagesMayAskForAToken(_ url: String) throws { #expect(try SSORules.redirect(url) == url) }

    @Test(arguments: ["", "/x", "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "blob:x", "https://a b", "https://a\n", "https://a\\@b", ":x", "1a:x", "https:evil.example", "https:/evil.example", "https:///evil.example", "http:?://good.example", "https://"])
    func whatABrowserWouldRunIsRefused(_ url: String) { #expect(throws: MatrixError.self) { try SSORules.redirect(url) } }

    @Test(arguments: [
        ("https://app.example/x", true), ("https://app.example", true), ("https://app.example?x", true), ("https://app.example.evil.org/", false),
        ("https://app.example@evil.org/", false), ("https://app.example:8080/", false), ("http://app.example/", false), ("https://own.example/#/", true), ("https://evil.org/https://app.example/", false),
    ]) func onlyListedClientsAreKnown(_ url: String, _ expected: Bool) {
        var config = Config()
        config.ssoClients = ["https://app.example"]
        #expect(SSORules.isKnownClient(url, config, own: "https://own.example") == expected)
    }

    @Test(arguments: [("https://a.example/x?y", "https://a.example"), ("https://good.example@evil.example/", "https://evil.example"), ("app:/x", "app:"), ("https://a.example", "https://a.example"), ("app:x?://good.example/", "app:")])
    func thePersonSeesTheTruePlace(_ url: String, _ expected: String) { #expect(SSORules.place(url) == expected) }

    @Test(arguments: [("https://a", "https://a?loginToken=T"), ("https://a?b=c", "https://a?b=c&loginToken=T"), ("https://a/?#/login", "https://a/?loginToken=T#/login"), ("app:/x#y", "app:/x?loginToken=T#y")])
    func theTokenStandsBeforeTheFragment(_ url: String, _ expected: String) { #expect(SSORules.withToken(url, "T") == expected) }

    @Test(arguments: [("cas_user!", "cas_user=21"), ("Alice", "alice"), ("a@b.c", "a=40b.c"), ("é", "=c3=a9"), ("_as", "=5fas"), ("a=b", "a=3db")])
    func namesBecomeLocalparts(_ name: String, _ expected: String) {
        #expect(SSORules.localpart(name) == expected)
        #expect(UserID.isValidLocalpart(SSORules.localpart(name)))
    }

    @Test func onlyASuccessNamesAUser() {
        func answer(_ inside: String, outcome: String = "authenticationSuccess") -> String? {
            CASAnswer.user(Array("<?xml version='1.0'?>\n<cas:serviceResponse xmlns:cas='x'>\n <cas:\(outcome)>\(inside)</cas:\(outcome)></cas:serviceResponse>".utf8))
        }
        #expect(answer("<cas:user> alice&amp;co </cas:user><cas:attributes></cas:attributes>") == "alice&co")
        #expect(answer("<cas:attributes><cas:user>eve</cas:user></cas:attributes><cas:user>bob</cas:user>") == "bob")
        #expect(answer("<!-- <cas:user>eve</cas:user> --><cas:user>bob</cas:user>") == "bob")
        #expect(answer("<cas:user>eve</cas:user>", outcome: "authenticationFailure") == nil)
        #expect(answer("<cas:user></cas:user>") == nil && answer("") == nil)
        for rubbish in ["", "<", "<a>", "<cas:user>x</cas:user>", "<!DOCTYPE x><serviceResponse>", "</x>", "<serviceResponse></serviceResponse><authenticationSuccess><user>x</user>"] {
            #expect(CASAnswer.user(Array(rubbish.utf8)) == nil)
        }
    }
}
