/// The differences between the two databases' SQL, and nothing else that differs.
enum Dialect: Sendable {
    case sqlite, postgres

    /// A statement of a migration, in this dialect's words.
    func migration(_ statement: String) -> String {
        switch self {
        case .sqlite: Self.strict(statement)
        case .postgres: Self.postgres(statement, isSchema: true).sql
        }
    }

    /// Splits a migration at the semicolons outside texts and comments.
    static func statements(_ script: String) -> [String] {
        var statements: [String] = []
        var current: [UInt8] = []
        for token in tokens(script) {
            if case .other(let byte) = token.kind, byte == UInt8(ascii: ";") {
                statements.append(String(decoding: current, as: UTF8.self))
                current = []
            } else {
                current += token.bytes
            }
        }
        statements.append(String(decoding: current, as: UTF8.self))
        return statements.filter { statement in
            tokens(statement).contains { $0.kind != .space && $0.kind != .comment }
        }
    }

    /// Tables are STRICT, so that SQLite refuses a value of the wrong type as PostgreSQL does.
    private static func strict(_ statement: String) -> String {
        let words = tokens(statement).compactMap { $0.word }
        guard words.first == "CREATE", words.dropFirst().first == "TABLE" else { return statement }
        let hasNoRowID = words.suffix(2) == ["WITHOUT", "ROWID"]
        return statement.trimmingEnd() + (hasNoRowID ? ", STRICT" : " STRICT")
    }

    /// `?` and `?1` become `$1`, types become PostgreSQL's. In the schema, text is ordered by its bytes as in SQLite.
    static func postgres(_ sql: String, isSchema: Bool = false) -> (sql: String, parameters: Int) {
        var output: [UInt8] = []
        output.reserveCapacity(sql.utf8.count + 16)
        var tokens = tokens(sql)
        if isSchema, tokens.compactMap({ $0.word }).suffix(2) == ["WITHOUT", "ROWID"] {
            let first = tokens.lastIndex { $0.word == "WITHOUT" } ?? tokens.count
            tokens.removeSubrange(first...)
        }
        let verb = tokens.lazy.compactMap { $0.word }.first
        let isTable = isSchema && (verb == "CREATE" || verb == "ALTER")
        var parameters = 0
        for (index, token) in tokens.enumerated() {
            switch token.kind {
            case .placeholder:
                let number = Int(String(decoding: token.bytes.dropFirst(), as: UTF8.self)) ?? parameters + 1
                parameters = max(parameters, number)
                output += Array("$\(number)".utf8)
            case .word:
                switch token.word {
                case "INTEGER": output += Array("BIGINT".utf8)
                case "BLOB": output += Array("BYTEA".utf8)
                case "REAL": output += Array("DOUBLE PRECISION".utf8)
                case "TEXT" where isTable && !isInsideCast(tokens, index): output += Array("TEXT COLLATE \"C\"".utf8)
                default: output += token.bytes
                }
            default: output += token.bytes
            }
        }
        return (String(decoding: output, as: UTF8.self), parameters)
    }

    /// Whether the word before is AS, as in CAST(x AS TEXT).
    private static func isInsideCast(_ tokens: [Token], _ index: Int) -> Bool {
        tokens[..<index].last { $0.kind != .space && $0.kind != .comment }?.word == "AS"
    }

    struct Token {
        enum Kind: Equatable {
            case word, quoted, comment, space, placeholder
            case other(UInt8)
        }

        var kind: Kind
        var bytes: [UInt8]

        /// In capitals.
        var word: String? {
            kind == .word ? String(decoding: bytes.map { 97...122 ~= $0 ? $0 - 32 : $0 }, as: UTF8.self) : nil
        }
    }

    static func tokens(_ sql: String) -> [Token] {
        let text = Array(sql.utf8)
        var tokens: [Token] = []
        var index = 0
        func isWord(_ byte: UInt8) -> Bool {
            48...57 ~= byte || 65...90 ~= byte || 97...122 ~= byte || byte == UInt8(ascii: "_") || byte >= 128
        }
        while index < text.count {
            let start = index
            let byte = text[index]
            var kind = Token.Kind.other(byte)
            index += 1
            switch byte {
            case UInt8(ascii: "'"), UInt8(ascii: "\""):
                kind = .quoted
                while index < text.count {
                    index += 1
                    guard text[index - 1] == byte else { continue }
                    guard index < text.count, text[index] == byte else { break }
                    index += 1
                }
            case UInt8(ascii: "-") where index < text.count && text[index] == byte:
                kind = .comment
                while index < text.count, text[index] != UInt8(ascii: "\n") { index += 1 }
            case UInt8(ascii: "/") where index < text.count && text[index] == UInt8(ascii: "*"):
                kind = .comment
                index += 1
                while index < text.count, !(text[index] == UInt8(ascii: "/") && text[index - 1] == UInt8(ascii: "*") && index > start + 2) {
                    index += 1
                }
                index = min(index + 1, text.count)
            case UInt8(ascii: "?"):
                kind = .placeholder
                while index < text.count, 48...57 ~= text[index] { index += 1 }
            case 9...13, 32:
                kind = .space
                while index < text.count, text[index] == 32 || 9...13 ~= text[index] { index += 1 }
            case _ where isWord(byte):
                kind = .word
                while index < text.count, isWord(text[index]) { index += 1 }
            default: break
            }
            tokens.append(Token(kind: kind, bytes: Array(text[start..<index])))
        }
        return tokens
    }
}

extension String {
    fileprivate func trimmingEnd() -> String {
        var copy = self
        while let last = copy.last, last.isWhitespace { copy.removeLast() }
        return copy
    }
}
