import Testing
@testable import Desk

@Suite struct CannedTemplateTests {
    static let values: [CannedTemplate.Variable: String] = [.contactFirstName: "Julie", .agentName: "Anna", .brandName: "Maison Lumen", .contactName: ""]

    @Test(arguments: [
        ("Bonjour", "Bonjour", []),
        ("Bonjour {{contact.first_name}} !", "Bonjour Julie !", []),
        ("{{ agent.name }} de {{brand.name}}", "Anna de Maison Lumen", []),
        ("Bonjour {{contact.email|à vous}}", "Bonjour à vous", []),
        ("Bonjour {{contact.name| vous }}", "Bonjour vous", []),
        ("{{contact.email}}-{{contact.email}}", "-", ["contact.email"]),
        ("a }} b { c", "a }} b { c", []),
        ("{{contact.email|}}x", "x", []),
        ("", "", []),
    ]) func renders(source: String, text: String, missing: [String]) throws {
        let result = try CannedTemplate(source).render(Self.values)
        #expect(result.text == text)
        #expect(result.missing.map(\.rawValue) == missing)
    }
    @Test func refusesWhatItDoesNotKnow() {
        #expect(throws: CannedTemplate.Refusal.unknownVariable("contact.age")) { try CannedTemplate("{{contact.age}}") }
        #expect(throws: CannedTemplate.Refusal.unclosed) { try CannedTemplate("Hi {{agent.name") }
        #expect(throws: CannedTemplate.Refusal.unknownVariable("")) { try CannedTemplate("{{}}") }
    }
    @Test func aValueIsNeverReadAsATemplate() throws {
        #expect(try CannedTemplate("{{contact.name}}").render([.contactName: "{{agent.name}}", .agentName: "Anna"]).text == "{{agent.name}}")
    }
}

@Suite struct WordsTests {
    @Test(arguments: [("Élève À l'Œuvre", "eleve a l oeuvre"), ("Café-crème", "cafe-creme"), ("LAMPE 7W", "lampe 7w"), ("julie@x.fr", "julie@x.fr")])
    func folds(text: String, folded: String) { #expect(Words.folded(text) == folded) }
    @Test func keepsWordsWorthFinding() { #expect(Words.of("À la lampe, la LAMPE d'Anaïs 60W!") == ["la", "lampe", "anais", "60w"]) }
    @Test func escapesPatterns() { #expect(Words.escaped("50%_a\\") == "50\\%\\_a\\\\") }
}

@Suite struct FieldsTests {
    @Test(arguments: ["a@b.fr", "julie.martin+shop@maison-lumen.example", "é@b.fr"]) func acceptsEmails(_ text: String) { #expect(Fields.isEmail(text)) }
    @Test(arguments: ["", "a", "a@", "@b.fr", "a@b", "a b@c.fr", "a@b..fr", "a@-b.fr", "a@b.fr-", "a@@b.fr", "<a@b.fr>", "a@b.fr,c@d.fr"])
    func refusesWhatIsNoEmail(_ text: String) { #expect(!Fields.isEmail(text)) }
    @Test(arguments: [("https://Shop.example/a?b#c", "https://shop.example"), ("http://localhost:8080/x", "http://localhost:8080"), ("https://shop.example:443", "https://shop.example"),
                      ("ftp://x", nil), ("https://", nil), ("https://user@evil.example/", nil), ("javascript:alert(1)", nil)] as [(String, String?)])
    func origins(url: String, origin: String?) { #expect(WebOrigin.of(url) == origin) }
}
