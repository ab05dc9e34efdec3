import MatrixCore
import ServerKit
import Store
import Synchronization

/// Which words stand in which conversations: messages and notes, and the names and addresses of whom they are with.
///
/// Invariants: what was written is indexed behind its transaction, for its words are many rows in many places; whoever searches waits until
/// what was there before is indexed. A change or a deletion takes its old words out in its own transaction. Words are kept by conversation, the newest
/// ones beside each other, so that a search reads no further back than it must.
enum DeskIndex {
    enum Kind: Int64, Sendable { case contact = 0, message, note }

    static let migrations: [Migration] = [
        Migration(93, "desk search", """
        CREATE TABLE desk_posting(
          term TEXT NOT NULL, conversation INTEGER NOT NULL, item INTEGER NOT NULL, kind INTEGER NOT NULL, PRIMARY KEY (term, conversation, item)) WITHOUT ROWID;
        CREATE TABLE desk_contact_posting(term TEXT NOT NULL, contact INTEGER NOT NULL, PRIMARY KEY (term, contact)) WITHOUT ROWID;
        CREATE TABLE desk_search_progress(id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), items INTEGER NOT NULL, contacts INTEGER NOT NULL);
        INSERT INTO desk_search_progress(id, items, contacts) VALUES (1, 0, 0);
        DELETE FROM desk_word
        """),
    ]

    // MARK: writes

    struct Posting { let term: String, conversation: Int64, item: Int64, kind: Kind }

    static func postings(_ text: String, conversation: Int64, item: Int64, _ kind: Kind) -> [Posting] {
        SearchText.terms(text).map { Posting(term: $0.term, conversation: conversation, item: item, kind: kind) }
    }
    /// In the order of the table, so that what lies together is written together.
    static func add(_ tx: WriteTx, _ postings: [Posting]) throws {
        var rest = postings.sorted { ($0.term, $0.conversation, $0.item) < ($1.term, $1.conversation, $1.item) }[...]
        while !rest.isEmpty {
            let part = rest.prefix(widest)
            rest = rest.dropFirst(widest)
            try tx.run(inserts[part.count - 1], array: part.flatMap { [$0.term, $0.conversation, $0.item, $0.kind.rawValue] as [any Bindable] })
        }
    }
    static func remove(_ tx: WriteTx, _ text: String, conversation: Int64, item: Int64) throws {
        for (term, _) in SearchText.terms(text) { try tx.run("DELETE FROM desk_posting WHERE term = ? AND conversation = ? AND item = ?", term, conversation, item) }
    }
    /// Before an item is deleted.
    static func forget(_ unit: Unit, _ item: Item, of conversation: Conversation) throws {
        try remove(unit.tx, item.body, conversation: conversation.number, item: item.id)
    }
    /// An item has another text now.
    static func replace(_ unit: Unit, _ item: Item, before: String, of conversation: Conversation) throws {
        try remove(unit.tx, before, conversation: conversation.number, item: item.id)
        // What is not indexed yet will be, as it stands then.
        try add(unit.tx, postings(item.body, conversation: conversation.number, item: item.id, item.kind == .note ? .note : .message))
    }
    /// A contact's words, by himself and for his conversations.
    static func contact(_ unit: Unit, id: String, number: Int64, before: String, after: String) throws {
        guard before != after else { return }
        let old = SearchText.terms(before).map(\.term), new = SearchText.terms(after).map(\.term)
        for term in old where !new.contains(term) { try unit.tx.run("DELETE FROM desk_contact_posting WHERE term = ? AND contact = ?", term, number) }
        for term in new where !old.contains(term) { try unit.tx.run(contactInsert, term, number) }
        for conversation in try unit.tx.all("SELECT number FROM desk_conversation WHERE contact_id = ?", id, row: { $0.int(0) }) {
            try remove(unit.tx, before, conversation: conversation, item: 0)
            try add(unit.tx, postings(after, conversation: conversation, item: 0, .contact))
        }
    }

    // MARK: keeping up

    /// Follows the items by their numbers, a little at a time; once, on an old database, the contacts too.
    final class Indexer: Sendable {
        private static let batch = 200
        /// Everything through this position is indexed; nil until it was read.
        private let through = Mutex<Int64?>(nil)

        /// Indexes what was committed before the call, at most so many steps of it. True when all of it is.
        func catchUp(_ c: Context, steps: Int = .max) async throws -> Bool {
            let target = c.db.position
            for _ in 0..<steps {
                guard through.withLock({ ($0 ?? -1) < target }) else { return true }
                let known = through.withLock(\.self)
                let reached = try await c.db.write { tx in try Self.step(tx, after: known, limit: Self.batch) }
                through.withLock { $0 = max($0 ?? 0, reached) }
            }
            return through.withLock { ($0 ?? -1) >= target }
        }

        private static func step(_ tx: WriteTx, after known: Int64?, limit: Int) throws -> Int64 {
            var after = known ?? 0
            if known == nil {
                let (items, contacts) = try tx.first("SELECT items, contacts FROM desk_search_progress WHERE id = 1") { ($0.int(0), $0.int(1)) } ?? (0, 0)
                after = items
                if contacts == 0 { try allContacts(tx) }
            }
            let found = try tx.all(next, after, limit) { row in
                (id: row.int(0), kind: row.text(1), body: row.text(2), content: row.text(3), number: row.int(4), contact: row.text(5))
            }
            var postings: [Posting] = []
            for item in found {
                switch item.kind {
                case "message": postings += DeskIndex.postings(item.body, conversation: item.number, item: item.id, .message)
                case "note": postings += DeskIndex.postings(item.body, conversation: item.number, item: item.id, .note)
                default:
                    guard JSONObject(column: item.content)["variant"]?.stringValue == SystemText.created.rawValue else { continue }
                    postings += DeskIndex.postings(item.contact, conversation: item.number, item: 0, .contact)
                }
            }
            let reached = try found.count < limit ? tx.position : found.last?.id ?? after
            if !postings.isEmpty {
                try add(tx, postings)
                try tx.run("UPDATE desk_search_progress SET items = ? WHERE id = 1", reached)
            }
            return reached
        }
        /// Of a database from before the index.
        private static func allContacts(_ tx: WriteTx) throws {
            for (number, text) in try tx.all("SELECT number, search FROM desk_contact WHERE search <> '' AND merged_into IS NULL", row: { ($0.int(0), $0.text(1)) }) {
                for (term, _) in SearchText.terms(text) { try tx.run(contactInsert, term, number) }
            }
            try tx.run("UPDATE desk_search_progress SET contacts = 1 WHERE id = 1")
        }
    }

    // MARK: SQL

    static let widest = 32
    static let inserts: [String] = (1...widest).map { count in
        "INSERT INTO desk_posting(term, conversation, item, kind) VALUES " + Array(repeating: "(?, ?, ?, ?)", count: count).joined(separator: ", ")
            + " ON CONFLICT (term, conversation, item) DO NOTHING"
    }
    private static let contactInsert = "INSERT INTO desk_contact_posting(term, contact) VALUES (?, ?) ON CONFLICT (term, contact) DO NOTHING"
    private static let next = """
        SELECT i.id, i.kind, i.body, CASE WHEN i.kind = 'system' THEN i.content ELSE '' END, c.number, k.search FROM desk_item i
        JOIN desk_conversation c ON c.id = i.conversation_id JOIN desk_contact k ON k.id = c.contact_id WHERE i.id > ? ORDER BY i.id LIMIT ?
        """
}
