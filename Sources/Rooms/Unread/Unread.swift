package import MatrixCore
package import Store

/// How many events a user has not read: one row per user, room and thread, counted when an event is appended and set back by receipts.
///
/// Invariants: a row changes in the transaction of what changes it; only joined users have rows; a receipt never makes a count grow;
/// one's own event sets the count of its thread back to nothing.
/// Which events count, and for whom as a highlight, is decided by ``judge(_:_:_:)`` alone; push rules will be evaluated there.
package enum Unread {
    /// What a receipt covers.
    package enum Scope: Sendable, Hashable {
        /// An unthreaded receipt: everything.
        case all
        /// Only what is in no thread.
        case main
        /// Only the thread with this root.
        case thread(EventID)
    }

    package struct Counts: Sendable, Hashable {
        package var notifications: Int64 = 0
        package var highlights: Int64 = 0
        package init(notifications: Int64 = 0, highlights: Int64 = 0) { self.notifications = notifications; self.highlights = highlights }
    }

    /// Counts of one room by thread; the main timeline is "".
    package static func counts(_ tx: ReadTx, room nid: Int64, _ user: UserID) throws -> [String: Counts] {
        var counts: [String: Counts] = [:]
        try tx.each(UnreadSQL.ofRoom, user, nid) { counts[$0.text(0)] = Counts(notifications: $0.int(1), highlights: $0.int(2)) }
        return counts
    }
    /// Counts of all rooms of a user: room number -> thread -> counts.
    package static func counts(_ tx: ReadTx, of user: UserID) throws -> [Int64: [String: Counts]] {
        var counts: [Int64: [String: Counts]] = [:]
        try tx.each(UnreadSQL.ofUser, user) { counts[$0.int(0), default: [:]][$0.text(1)] = Counts(notifications: $0.int(2), highlights: $0.int(3)) }
        return counts
    }

    /// The user has read all events up to the one at `pos`. True when a count has changed.
    @discardableResult
    package static func reset(_ tx: WriteTx, room nid: Int64, _ user: UserID, upTo pos: Int64, _ scope: Scope) throws -> Bool {
        var changed = false
        for (thread, old) in try counts(tx, room: nid, user) where covers(scope, thread) {
            if old.notifications == 0, old.highlights == 0 { continue }
            let root: String? = thread.isEmpty ? nil : thread
            let rest = try tx.first(root == nil ? UnreadSQL.restOfMain : UnreadSQL.restOfThread, array: [nid, pos, user] + (root.map { [$0] } ?? [])) { $0.int(0) } ?? 0
            let highlights = try tx.first(UnreadSQL.restOfHighlights, user, nid, pos, thread) { $0.int(0) } ?? 0
            let new = Counts(notifications: min(old.notifications, rest), highlights: min(old.highlights, highlights))
            if new == old { continue }
            changed = true
            try tx.run(UnreadSQL.deleteHighlights, user, nid, pos, thread)
            if new == Counts() {
                try tx.run(UnreadSQL.delete, user, nid, thread)
            } else {
                try tx.run(UnreadSQL.set, new.notifications, new.highlights, user, nid, thread)
            }
        }
        return changed
    }

    private static func covers(_ scope: Scope, _ thread: String) -> Bool {
        switch scope {
        case .all: true
        case .main: thread.isEmpty
        case .thread(let root): thread == root.rawValue
        }
    }

    /// The user is no longer in the room.
    static func forget(_ tx: WriteTx, room nid: Int64, _ user: UserID) throws {
        try tx.run(UnreadSQL.deleteRoom, user, nid)
        try tx.run(UnreadSQL.deleteRoomHighlights, user, nid)
    }

    // MARK: counting

    /// Whose attention an event asks for.
    enum Highlights: Equatable {
        case nobody
        case users([String])
        case everyone
        /// Those whose name stands in this text (lower case).
        case named(in: [UInt8])
    }
    struct Verdict: Equatable {
        var notifies: Bool
        var highlights: Highlights
        static let silent = Verdict(notifies: false, highlights: .nobody)
    }

    /// The default push rules, as far as they are the same for everybody.
    /// https://spec.matrix.org/latest/client-server-api/#predefined-rules
    /// - Parameter mayNotifyRoom: whether the sender has the power to call the whole room.
    static func judge(type: String, isState: Bool, content: JSONObject, mayNotifyRoom: Bool) -> Verdict {
        if isState {
            guard type == EventType.tombstone else { return .silent }
            return Verdict(notifies: true, highlights: .everyone)
        }
        guard notifying.contains(type) else { return .silent }
        if content["m.relates_to"]?["rel_type"]?.stringValue == "m.replace" { return .silent }
        if content["msgtype"]?.stringValue == "m.notice" { return .silent }
        if let mentions = Mentions.explicit(content) {
            if mentions.room, mayNotifyRoom { return Verdict(notifies: true, highlights: .everyone) }
            return Verdict(notifies: true, highlights: mentions.users.isEmpty ? .nobody : .users(mentions.users.sorted()))
        }
        guard type == EventType.message, let body = content["body"]?.stringValue else { return Verdict(notifies: true, highlights: .nobody) }
        let lower = Array(body.lowercased().utf8)
        if mayNotifyRoom, Mentions.contains(lower, word: Array("@room".utf8)) { return Verdict(notifies: true, highlights: .everyone) }
        return Verdict(notifies: true, highlights: .named(in: lower))
    }

    private static let notifying: Set<String> = [
        "m.room.message", "m.room.encrypted", "m.call.invite", "m.sticker", "m.poll.start", "org.matrix.msc3381.poll.start",
    ]

    /// Counts one event for everybody in the room but its sender. `audience` is asked only when names must be looked for.
    static func count(_ tx: WriteTx, room nid: Int64, pos: Int64, sender: UserID, thread: String?, _ highlights: Highlights,
                      audience: () throws -> Audience) throws {
        let thread = thread ?? ""
        try tx.run(UnreadSQL.count, nid, thread, sender, highlights == .everyone ? 1 : 0)
        switch highlights {
        case .nobody: return
        case .everyone: try tx.run(UnreadSQL.highlightAll, thread, pos, nid, sender)
        case .users(let users): for user in users.prefix(200) where user != sender.rawValue { try highlight(tx, nid, pos, user, thread) }
        case .named(let body):
            for member in try audience().members where member.user != sender && member.words.words.contains(where: { Mentions.contains(body, word: $0) }) {
                try highlight(tx, nid, pos, member.user.rawValue, thread)
            }
        }
    }

    /// Users who are not in the room have no row, and are left alone.
    private static func highlight(_ tx: WriteTx, _ nid: Int64, _ pos: Int64, _ user: String, _ thread: String) throws {
        guard !user.utf8.contains(0), try tx.run(UnreadSQL.highlight, user, nid, thread) > 0 else { return }
        try tx.run(UnreadSQL.insertHighlight, user, nid, thread, pos)
    }
}

package enum UnreadSQL {
    static let ofRoom = "SELECT thread, notifications, highlights FROM unread WHERE user_id = ? AND room_nid = ?"
    static let ofUser = """
        SELECT room_nid, thread, notifications, highlights FROM unread WHERE user_id = ? AND (notifications > 0 OR highlights > 0)
        """
    static let count = """
        INSERT INTO unread (user_id, room_nid, thread, notifications, highlights) \
        SELECT m.user_id, m.room_nid, ?2, CASE WHEN m.user_id = ?3 THEN 0 ELSE 1 END, CASE WHEN m.user_id = ?3 THEN 0 ELSE ?4 END \
        FROM membership m WHERE m.room_nid = ?1 AND m.membership = 'join' \
        ON CONFLICT (user_id, room_nid, thread) DO UPDATE SET \
        notifications = CASE WHEN excluded.notifications = 0 THEN 0 ELSE unread.notifications + 1 END, \
        highlights = CASE WHEN excluded.notifications = 0 THEN 0 ELSE unread.highlights + excluded.highlights END
        """
    static let highlight = "UPDATE unread SET highlights = highlights + 1 WHERE user_id = ? AND room_nid = ? AND thread = ?"
    static let insertHighlight = "INSERT INTO unread_highlight (user_id, room_nid, thread, pos) VALUES (?, ?, ?, ?)"
    static let highlightAll = """
        INSERT INTO unread_highlight (user_id, room_nid, thread, pos) SELECT m.user_id, m.room_nid, ?1, ?2 FROM membership m \
        WHERE m.room_nid = ?3 AND m.membership = 'join' AND m.user_id <> ?4
        """
    static let restOfMain = """
        SELECT COUNT(*) FROM event WHERE room_nid = ? AND pos > ? AND sender <> ? AND notifies = 1 AND thread IS NULL
        """
    static let restOfThread = "SELECT COUNT(*) FROM event WHERE room_nid = ? AND pos > ? AND sender <> ? AND notifies = 1 AND thread = ?"
    static let restOfHighlights = "SELECT COUNT(*) FROM unread_highlight WHERE user_id = ? AND room_nid = ? AND pos > ? AND thread = ?"
    static let set = "UPDATE unread SET notifications = ?, highlights = ? WHERE user_id = ? AND room_nid = ? AND thread = ?"
    static let delete = "DELETE FROM unread WHERE user_id = ? AND room_nid = ? AND thread = ?"
    static let deleteHighlights = "DELETE FROM unread_highlight WHERE user_id = ? AND room_nid = ? AND pos <= ? AND thread = ?"
    static let deleteRoom = "DELETE FROM unread WHERE user_id = ? AND room_nid = ?"
    static let deleteRoomHighlights = "DELETE FROM unread_highlight WHERE user_id = ? AND room_nid = ?"

    package static let all = [ofRoom, ofUser, count, highlight, insertHighlight, highlightAll, restOfMain, restOfThread, restOfHighlights, set,
                              delete, deleteHighlights, deleteRoom, deleteRoomHighlights]
}
