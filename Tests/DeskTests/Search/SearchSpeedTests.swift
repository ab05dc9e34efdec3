import Foundation
import MatrixCore
import ServerKit
import Store
import TestKit
import Testing
@testable import Desk

/// Search on a generated desk: `COMPTOIR_SEARCH_MESSAGES=1000000` for the goal, 95 of 100 searches in 100 ms. Without it a small one, which shows that the generator and the
/// plan hold.
@Suite struct SearchSpeedTests {
    private static let messages = ProcessInfo.processInfo.environment["COMPTOIR_SEARCH_MESSAGES"].flatMap { Int64($0) } ?? 4000
    private static let words = """
        lampe commande livraison colis retour remboursement facture adresse ampoule abat-jour lustre applique variateur garantie cassée reçu manque couleur taille cable prise salon
        chambre bureau cuisine urgent merci bonjour question devis stock magasin horaire carte paiement code promo compte courriel téléphone order delivery broken refund invoice size
        """.split(whereSeparator: \.isWhitespace).map(String.init)

    @Test func ninetyFiveOfAHundredAreThereInTime() async throws {
        let shop = try await Shop(), total = Self.messages, conversations = total / 10
        let (visitor, id, _) = try await shop.customer("bonjour")
        _ = try await shop.call(.get, "/search?q=bonjour", as: shop.owner).expect(200)
        // Two thousand different texts: some words in most, some in few, and one of a kind each.
        var random = SplitMix(7)
        let texts = (0..<2000).map { n in
            var text = n % 3 == 0 ? "bonjour" : "merci"
            for _ in 0..<11 {
                let share = Double(random.next() % 10_000) / 10_000
                text += " " + Self.words[Int(share * share * Double(Self.words.count))]
            }
            return text + " ref\(n)"
        }
        let inbox = shop.inbox
        try await shop.app.context.db.write { tx in
            try tx.run("CREATE TEMP TABLE pool(n INTEGER NOT NULL PRIMARY KEY, body TEXT NOT NULL)")
            try tx.run("CREATE TEMP TABLE pool_term(n INTEGER NOT NULL, term TEXT NOT NULL)")
            for (n, text) in texts.enumerated() {
                try tx.run("INSERT INTO pool(n, body) VALUES (?, ?)", n, text)
                for (term, _) in SearchText.terms(text) { try tx.run("INSERT INTO pool_term(n, term) VALUES (?, ?)", n, term) }
            }
            try tx.run("CREATE INDEX pool_term_n ON pool_term(n)")
            try tx.run("""
                INSERT INTO desk_contact(id, brand_id, number, name, email_verified, notes, attributes, search, first_seen_at, last_seen_at, version)
                WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
                SELECT 'ctg' || i, (SELECT brand_id FROM desk_inbox), 5000 + i, 'Client ' || i, 0, '', '{}', 'client ' || i, i, i, 1 FROM n
                """, conversations)
            try tx.run("""
                INSERT INTO desk_conversation(id, number, version, room_id, brand_id, inbox_id, contact_id, is_current, status, priority, language, encrypted, message_count, queue_key,
                  activity_at, created_position, created_at, updated_at, last_message_id)
                SELECT 'cvg' || (number - 5000), number, 1, '!g' || number, brand_id, ?, id, 1, CASE WHEN number % 20 = 0 THEN 'open' ELSE 'resolved' END, 'none', 'fr', 0, 10, number, number, 1, number, number,
                  1000000 + (number - 5000) * 10 FROM desk_contact WHERE number > 5000
                """, inbox)
            try tx.run("""
                INSERT INTO desk_item(id, conversation_id, kind, at, author_kind, author_id, body, content)
                WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?)
                SELECT 1000001 + i, 'cvg' || (i / 10 + 1), CASE WHEN i % 10 = 9 THEN 'note' ELSE 'message' END, i, 'contact', 'ctg' || (i / 10 + 1), (SELECT body FROM pool WHERE pool.n = (i * 7919) % 2000), '{}' FROM n
                """, conversations * 10)
            try tx.run("""
                INSERT INTO desk_posting(term, conversation, item, kind)
                SELECT t.term, 5000 + (i.id - 1000001) / 10 + 1, i.id, CASE WHEN i.kind = 'note' THEN 2 ELSE 1 END FROM desk_item i JOIN pool_term t ON t.n = ((i.id - 1000001) * 7919) % 2000
                WHERE i.id > 1000000 ORDER BY t.term, 2, i.id
                """)
            try tx.run("INSERT INTO desk_contact_posting(term, contact) SELECT 'client', number FROM desk_contact WHERE number > 5000")
            try tx.run("DROP TABLE pool")
            try tx.run("DROP TABLE pool_term")
        }
        _ = (visitor, id)
        let stored = try await shop.app.context.db.read { try $0.first("SELECT COUNT(*) FROM desk_item") { $0.int(0) } ?? 0 }
        #expect(stored >= conversations * 10)
        var queries = ["bonjour", "bonjour merci", "lampe", "lampe cassée", "remboursement facture garantie", "ref17", "ref17 ref18", "ref3", "inconnu", "comm", "ref", "commande livraison colis retour",
                       "refund invoice", "size ref1999", "client", "client 7 lampe", "b", "taille couleur ref5"]
        for n in 0..<40 { queries.append("\(Self.words[n % Self.words.count]) ref\(n * 37 % 2000)") }
        var times: [(q: String, ms: Double)] = []
        for q in queries {
            for filter in ["", "&status=open", "&in=notes"] {
                let began = ContinuousClock.now
                let answer = try await shop.call(.get, "/search?limit=20&q=\(Percent.encode(q))" + filter, as: shop.owner).expect(200)
                let took = ContinuousClock.now - began
                times.append((q + filter, Double(took.components.seconds) * 1000 + Double(took.components.attoseconds) / 1e15))
                if q == "bonjour", filter.isEmpty { #expect(answer["results"]?.arrayValue?.count == 20) }
                if q == "inconnu" { #expect(answer["results"]?.arrayValue?.isEmpty == true) }
            }
        }
        times.sort { $0.ms < $1.ms }
        let p50 = times[times.count / 2].ms, p95 = times[times.count * 95 / 100].ms
        if total > 100_000 { FileHandle.standardError.write(Data("\(total) messages, \(times.count) searches: p50 \(p50) ms, p95 \(p95) ms, slowest \(times.suffix(4))\n".utf8)) }
        // Beside other tests a small one says nothing about time.
        if total >= 100_000 { #expect(p95 <= 100, "p95 \(p95) ms") }
    }
}

private struct SplitMix {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
