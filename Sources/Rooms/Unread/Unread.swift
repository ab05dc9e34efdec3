package import MatrixCore
package import Store

/// How many events a user has not read: one row per user, room and thread, counted when an event is appended and set back by receipts.
///
/// Invariants: a row changes in the transaction of what changes it; only joined users have rows; a receipt never makes a count grow;
/// one's own event sets the count of its thread back to nothing.
/// Which events count, and for whom as a highlight, is said by ``Attention`` for those with the default push rules, by the port for others.
///
/// How many are left after a receipt is counted from the events that notify everybody (`event.notifies`) and the user's marks. A mark is a
/// highlight, or a deviation: +1 for an event that notified him but not everybody, -1 for one that passed him over. While nothing is
/// unread no -1 is needed: a receipt never gives more than there was, and what came before the first unread event cannot matter.
package enum Unread {
    static let schema = Migration(53, "unread counts by push rules", """
        ALTER TABLE unread_highlight ADD COLUMN highlight INTEGER NOT NULL DEFAULT 1; -- 0: only a deviation
        ALTER TABLE unread_highlight ADD COLUMN deviation INTEGER NOT NULL DEFAULT 0; -- 1: notified him but not everybody; -1: passed him over
        """)

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
            let rest = try rest(tx, room: nid, user, after: pos, thread: thread)
            let new = Counts(notifications: min(old.notifications, rest.notifications), highlights: min(old.highlights, rest.highlights))
            if new == old { continue }
            changed = true
            try tx.run(UnreadSQL.deleteMarks, user, nid, new == Counts() ? Int64.max : pos, thread)
            if new == Counts() {
                try tx.run(UnreadSQL.delete, user, nid, thread)
            } else {
                try tx.run(UnreadSQL.set, new.notifications, new.highlights, user, nid, thread)
            }
        }
        return changed
    }

    /// What has notified the user after an event, read or not. May say too much of the time before his first unread event.
    static func rest(_ tx: ReadTx, room nid: Int64, _ user: UserID, after pos: Int64, thread: String) throws -> Counts {
        let events = try tx.first(thread.isEmpty ? UnreadSQL.restOfMain : UnreadSQL.restOfThread, array: [nid, pos, user] + (thread.isEmpty ? [] : [thread])) { $0.int(0) } ?? 0
        let marks = try tx.first(UnreadSQL.restOfMarks, user, nid, pos, thread) { (highlights: $0.int(0), deviation: $0.int(1)) } ?? (highlights: 0, deviation: 0)
        return Counts(notifications: max(0, events + marks.deviation), highlights: marks.highlights)
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
        try tx.run(UnreadSQL.deleteRoomMarks, user, nid)
    }

    // MARK: counting

    /// Counts one event for everybody in the room but its sender. Those in `apart` are counted by their own rules instead of `verdict`.
    /// `audience` is asked only when names must be looked for.
    static func count(_ tx: WriteTx, room nid: Int64, pos: Int64, sender: UserID, thread: String?, _ verdict: Attention, apart: [(user: UserID, verdict: PushVerdict)],
                      audience: () throws -> Audience) throws {
        let thread = thread ?? ""
        let others = Set(apart.map(\.user.rawValue))
        let list = apart.isEmpty ? "" : " " + apart.map(\.user.rawValue).joined(separator: " ") + " "
        if verdict.notifies {
            let highlights: Int64 = verdict.highlights == .everyone ? 1 : 0
            if apart.isEmpty {
                try tx.run(UnreadSQL.count, nid, thread, sender, highlights)
                if highlights == 1 { try tx.run(UnreadSQL.highlightAll, thread, pos, nid, sender) }
            } else {
                try tx.run(UnreadSQL.countSome, nid, thread, sender, highlights, list)
                if highlights == 1 { try tx.run(UnreadSQL.highlightSome, thread, pos, nid, sender, list) }
                if apart.contains(where: { !$0.verdict.notifies }) {
                    let silent = " " + apart.filter { !$0.verdict.notifies }.map(\.user.rawValue).joined(separator: " ") + " "
                    try tx.run(UnreadSQL.passOver, thread, pos, nid, silent)
                }
            }
        }
        func highlight(_ user: String) throws {
            guard user != sender.rawValue, !others.contains(user), !user.utf8.contains(0) else { return }
            if verdict.notifies {
                // Users who are not in the room have no row, and are left alone.
                guard try tx.run(UnreadSQL.highlight, user, nid, thread) > 0 else { return }
                try tx.run(UnreadSQL.mark, user, nid, thread, pos, Int64(1), Int64(0))
            } else {
                try add(tx, nid, pos, user, thread, highlights: true, deviation: 1)
            }
        }
        switch verdict.highlights {
        case .nobody, .everyone: break
        case .users(let users): for user in users.prefix(200) { try highlight(user) }
        case .named(let text, let byLocalpart):
            for member in try audience().members where member.words.areIn(text, byLocalpart: byLocalpart) { try highlight(member.user.rawValue) }
        }
        for each in apart where each.verdict.notifies {
            try add(tx, nid, pos, each.user.rawValue, thread, highlights: each.verdict.highlights, deviation: verdict.notifies ? 0 : 1)
        }
    }

    /// One more for one user, if he is in the room.
    private static func add(_ tx: WriteTx, _ nid: Int64, _ pos: Int64, _ user: String, _ thread: String, highlights: Bool, deviation: Int64) throws {
        let highlight: Int64 = highlights ? 1 : 0
        guard try tx.run(UnreadSQL.countOne, user, nid, thread, highlight) > 0, highlights || deviation != 0 else { return }
        try tx.run(UnreadSQL.mark, user, nid, thread, pos, highlight, deviation)
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
    /// `?5` names users, with a space on either side of each: they are not counted here.
    static let countSome = """
        INSERT INTO unread (user_id, room_nid, thread, notifications, highlights) \
        SELECT m.user_id, m.room_nid, ?2, CASE WHEN m.user_id = ?3 THEN 0 ELSE 1 END, CASE WHEN m.user_id = ?3 THEN 0 ELSE ?4 END \
        FROM membership m WHERE m.room_nid = ?1 AND m.membership = 'join' AND replace(?5, ' ' || m.user_id || ' ', '') = ?5 \
        ON CONFLICT (user_id, room_nid, thread) DO UPDATE SET \
        notifications = CASE WHEN excluded.notifications = 0 THEN 0 ELSE unread.notifications + 1 END, \
        highlights = CASE WHEN excluded.notifications = 0 THEN 0 ELSE unread.highlights + excluded.highlights END
        """
    static let countOne = """
        INSERT INTO unread (user_id, room_nid, thread, notifications, highlights) \
        SELECT m.user_id, m.room_nid, ?3, 1, ?4 FROM membership m WHERE m.user_id = ?1 AND m.room_nid = ?2 AND m.membership = 'join' \
        ON CONFLICT (user_id, room_nid, thread) DO UPDATE SET \
        notifications = unread.notifications + 1, highlights = unread.highlights + excluded.highlights
        """
    static let highlight = "UPDATE unread SET highlights = highlights + 1 WHERE user_id = ? AND room_nid = ? AND thread = ?"
    static let mark = "INSERT INTO unread_highlight (user_id, room_nid, thread, pos, highlight, deviation) VALUES (?, ?, ?, ?, ?, ?)"
    static let highlightAll = """
        INSERT INTO unread_highlight (user_id, room_nid, thread, pos) SELECT m.user_id, m.room_nid, ?1, ?2 FROM membership m \
        WHERE m.room_nid = ?3 AND m.membership = 'join' AND m.user_id <> ?4
        """
    static let highlightSome = """
        INSERT INTO unread_highlight (user_id, room_nid, thread, pos) SELECT m.user_id, m.room_nid, ?1, ?2 FROM membership m \
        WHERE m.room_nid = ?3 AND m.membership = 'join' AND m.user_id <> ?4 AND replace(?5, ' ' || m.user_id || ' ', '') = ?5
        """
    /// For those of `?4` who have something unread.
    static let passOver = """
        INSERT INTO unread_highlight (user_id, room_nid, thread, pos, highlight, deviation) SELECT u.user_id, u.room_nid, u.thread, ?2, 0, -1 \
        FROM membership m JOIN unread u ON u.user_id = m.user_id AND u.room_nid = m.room_nid AND u.thread = ?1 AND u.notifications > 0 \
        WHERE m.room_nid = ?3 AND m.membership = 'join' AND replace(?4, ' ' || m.user_id || ' ', '') <> ?4
        """
    static let restOfMain = """
        SELECT COUNT(*) FROM event WHERE room_nid = ? AND pos > ? AND sender <> ? AND notifies = 1 AND thread IS NULL
        """
    static let restOfThread = "SELECT COUNT(*) FROM event WHERE room_nid = ? AND pos > ? AND sender <> ? AND notifies = 1 AND thread = ?"
    static let restOfMarks = """
        SELECT COALESCE(SUM(highlight), 0), COALESCE(SUM(deviation), 0) FROM unread_highlight WHERE user_id = ? AND room_nid = ? AND pos > ? AND thread = ?
        """
    static let total = "SELECT COALESCE(SUM(notifications), 0) FROM unread WHERE user_id = ?"
    static let ofThread = "SELECT notifications FROM unread WHERE user_id = ? AND room_nid = ? AND thread = ?"
    static let set = "UPDATE unread SET notifications = ?, highlights = ? WHERE user_id = ? AND room_nid = ? AND thread = ?"
    static let delete = "DELETE FROM unread WHERE user_id = ? AND room_nid = ? AND thread = ?"
    static let deleteMarks = "DELETE FROM unread_highlight WHERE user_id = ? AND room_nid = ? AND pos <= ? AND thread = ?"
    static let deleteRoom = "DELETE FROM unread WHERE user_id = ? AND room_nid = ?"
    static let deleteRoomMarks = "DELETE FROM unread_highlight WHERE user_id = ? AND room_nid = ?"

    package static let all = [ofRoom, ofUser, count, countSome, countOne, highlight, mark, highlightAll, highlightSome, passOver, restOfMain, restOfThread,
                              restOfMarks, total, ofThread, set, delete, deleteMarks, deleteRoom, deleteRoomMarks]
}
