package import MatrixCore
package import Store

/// How many events a user has not read, by room and thread.
///
/// What notifies everybody is counted once: a room has a total for its main timeline (`room.notices`, and of them those that call everybody
/// by a highlight: `room.calls`), and one for each thread (`thread_line`). A user has only how much of a total is behind him (`reading`);
/// what is left of it is unread. A send writes a fixed number of rows, however many members there are, and one for each user to whom the
/// event means something else than to the others (docs/decisions/0022).
///
/// Invariants: a row changes in the transaction of what changes it; a user has a row for the main timeline (its thread is '') exactly while
/// he is joined; a receipt never makes a count grow; one's own event sets the count of its thread back to nothing.
/// Which events count, and for whom as a highlight, is said by ``Attention`` for those with the default push rules, by the port for others.
///
/// Threads: all that lies at or before `reading.floor` of the row of the main timeline is read. A user has a row of his own for a thread only
/// when he has read, written, or was called in it since then; every such row is of a thread with a line after the floor. Of other threads
/// that have one, what came since the floor is unread: the first `thread_step` after it says what was behind him.
///
/// How many are left after a receipt is counted from the events that notify everybody (`event.notifies`) and the user's marks. A mark is a
/// highlight, or a deviation: +1 for an event that notified him but not everybody, -1 for one that passed him over. He who has nothing unread
/// and is passed over gets no mark: the event counts as read (`reading.pos`), and what came before that is not looked at again.
package enum Unread {
    static let schema = [
        Migration(50, "unread counts as differences", """
            ALTER TABLE room ADD COLUMN notices INTEGER NOT NULL DEFAULT 0; -- events of the main timeline that notified everybody
            ALTER TABLE room ADD COLUMN calls INTEGER NOT NULL DEFAULT 0; -- of them: highlights for everybody
            ALTER TABLE room ADD COLUMN thread_pos INTEGER NOT NULL DEFAULT 0; -- last event in a thread that counted for anybody
            CREATE TABLE thread_line (
                room_nid INTEGER NOT NULL,
                thread TEXT NOT NULL, -- event id of the root
                notices INTEGER NOT NULL,
                calls INTEGER NOT NULL,
                pos INTEGER NOT NULL, -- last event that counted for anybody
                PRIMARY KEY (room_nid, thread)
            );
            CREATE INDEX thread_line_recent ON thread_line (room_nid, pos);
            CREATE TABLE thread_step (
                room_nid INTEGER NOT NULL,
                thread TEXT NOT NULL,
                pos INTEGER NOT NULL, -- of an event that notified everybody
                notices INTEGER NOT NULL, -- of the line, before it
                calls INTEGER NOT NULL,
                PRIMARY KEY (room_nid, thread, pos)
            );
            CREATE INDEX thread_step_event ON thread_step (room_nid, pos);
            CREATE TABLE reading (
                user_id TEXT NOT NULL,
                room_nid INTEGER NOT NULL,
                thread TEXT NOT NULL, -- event id of the root, '' for the main timeline
                pos INTEGER NOT NULL, -- what lies at or before it is read
                floor INTEGER NOT NULL, -- of the main timeline's row: what lies at or before it is read in every thread
                notices INTEGER NOT NULL, -- how many of the total are not unread to him
                calls INTEGER NOT NULL,
                PRIMARY KEY (user_id, room_nid, thread)
            );
            INSERT INTO reading (user_id, room_nid, thread, pos, floor, notices, calls)
                SELECT m.user_id, m.room_nid, '', CASE WHEN COALESCE(u.notifications, 0) = 0 AND COALESCE(u.highlights, 0) = 0 THEN r.last_pos ELSE COALESCE(
                    (SELECT MAX(t.event_pos) FROM receipt t WHERE t.room_nid = m.room_nid AND t.user_id = m.user_id AND t.thread IN ('', 'main')), 0) END,
                    0, -COALESCE(u.notifications, 0), -COALESCE(u.highlights, 0)
                FROM membership m JOIN room r ON r.room_nid = m.room_nid
                LEFT JOIN unread u ON u.user_id = m.user_id AND u.room_nid = m.room_nid AND u.thread = '' WHERE m.membership = 'join';
            INSERT INTO reading (user_id, room_nid, thread, pos, floor, notices, calls)
                SELECT u.user_id, u.room_nid, u.thread, COALESCE((SELECT MAX(t.event_pos) FROM receipt t
                    WHERE t.room_nid = u.room_nid AND t.user_id = u.user_id AND t.thread IN ('', u.thread)), 0), 0, -u.notifications, -u.highlights
                FROM unread u JOIN membership m ON m.user_id = u.user_id AND m.room_nid = u.room_nid
                WHERE u.thread <> '' AND m.membership = 'join' AND (u.notifications > 0 OR u.highlights > 0);
            INSERT INTO thread_line (room_nid, thread, notices, calls, pos)
                SELECT r.room_nid, u.thread, 0, 0, r.last_pos FROM room r JOIN reading u ON u.room_nid = r.room_nid AND u.thread <> ''
                GROUP BY r.room_nid, u.thread, r.last_pos;
            UPDATE room SET thread_pos = last_pos WHERE room_nid IN (SELECT room_nid FROM thread_line);
            DROP TABLE unread;
            """),
        Migration(53, "unread counts by push rules", """
            ALTER TABLE unread_highlight ADD COLUMN highlight INTEGER NOT NULL DEFAULT 1; -- 0: only a deviation
            ALTER TABLE unread_highlight ADD COLUMN deviation INTEGER NOT NULL DEFAULT 0; -- 1: notified him but not everybody; -1: passed him over
            """),
    ]

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

    // MARK: reads

    /// Counts of one room by thread; the main timeline is "". Only those that are not nothing.
    package static func counts(_ tx: ReadTx, room nid: Int64, _ user: UserID) throws -> [String: Counts] {
        guard let place = try place(tx, room: nid, user) else { return [:] }
        var counts: [String: Counts] = [:]
        if place.counts != Counts() { counts[""] = place.counts }
        for line in try lines(tx, place, room: nid, user) where line.counts != Counts() { counts[line.thread] = line.counts }
        return counts
    }
    /// Counts of all rooms of a user: room number -> thread -> counts.
    package static func counts(_ tx: ReadTx, of user: UserID) throws -> [Int64: [String: Counts]] {
        var counts: [Int64: [String: Counts]] = [:]
        try tx.each(UnreadSQL.ofUser, user) { counts[$0.int(0), default: [:]][""] = Counts(notifications: $0.int(1), highlights: $0.int(2)) }
        try tx.each(UnreadSQL.threadsOfUser, user) { row in
            let line = Line(row)
            if line.counts != Counts() { counts[line.room, default: [:]][line.thread] = line.counts }
        }
        return counts
    }
    /// Unread notifications of a user, in all rooms and threads.
    static func total(_ tx: ReadTx, of user: UserID) throws -> Int64 {
        var total = try tx.first(UnreadSQL.total, user) { $0.int(0) } ?? 0
        try tx.each(UnreadSQL.threadsOfUser, user) { total += Line($0).counts.notifications }
        return total
    }

    /// Whether a receipt or an event of his own has marked an event as read that the user was notified of.
    static func isRead(_ tx: ReadTx, _ event: EventRow, by user: UserID) throws -> Bool {
        let read = try tx.first(UnreadSQL.readUpTo, user, event.roomNID, event.thread ?? "") { row in
            event.thread == nil ? row.int(0) : max(row.int(1), row.intOrNil(2) ?? 0)
        }
        return try read ?? .max >= event.pos
    }

    /// Where a joined user stands in a room.
    private struct Place {
        let counts: Counts
        let pos: Int64, floor: Int64
        /// Of the room.
        let notices: Int64, calls: Int64, threadPos: Int64, lastPos: Int64
    }
    private static func place(_ tx: ReadTx, room nid: Int64, _ user: UserID) throws -> Place? {
        try tx.first(UnreadSQL.place, user, nid) { row in
            Place(counts: Counts(notifications: row.int(4) - row.int(0), highlights: row.int(5) - row.int(1)), pos: row.int(2), floor: row.int(3),
                  notices: row.int(4), calls: row.int(5), threadPos: row.int(6), lastPos: row.int(7))
        }
    }

    /// A thread in which something counted for somebody since the user's floor.
    private struct Line {
        let room: Int64
        let thread: String
        let notices: Int64, calls: Int64
        /// Of its last event that counted.
        let pos: Int64
        /// Up to where the user has read it.
        let read: Int64
        let counts: Counts

        init(_ row: Row) {
            room = row.int(0)
            thread = row.text(1)
            (notices, calls, pos, read) = (row.int(2), row.int(3), row.int(4), row.int(5))
            counts = Counts(notifications: notices - row.int(6), highlights: calls - row.int(7))
        }
    }
    private static func lines(_ tx: ReadTx, _ place: Place, room nid: Int64, _ user: UserID) throws -> [Line] {
        place.threadPos > place.floor ? try tx.all(UnreadSQL.threadsOfRoom, user, nid) { Line($0) } : []
    }

    /// What has notified the user after an event, read or not.
    private static func rest(_ tx: ReadTx, room nid: Int64, _ user: UserID, after pos: Int64, thread: String) throws -> Counts {
        let events = try tx.first(thread.isEmpty ? UnreadSQL.restOfMain : UnreadSQL.restOfThread, array: [nid, pos, user] + (thread.isEmpty ? [] : [thread])) {
            Counts(notifications: $0.int(0), highlights: $0.int(1))
        } ?? Counts()
        let marks = try tx.first(UnreadSQL.restOfMarks, user, nid, pos, thread) { Counts(notifications: $0.int(1), highlights: $0.int(0)) } ?? Counts()
        return Counts(notifications: max(0, events.notifications + marks.notifications), highlights: max(0, events.highlights + marks.highlights))
    }

    // MARK: reading and leaving

    /// The user has read all events up to the one at `pos`. True when a count has changed.
    @discardableResult
    package static func reset(_ tx: WriteTx, room nid: Int64, _ user: UserID, upTo pos: Int64, _ scope: Scope) throws -> Bool {
        guard let place = try place(tx, room: nid, user) else { return false }
        var changed = false
        /// What is left of a thread; nil when as much as before.
        func left(_ old: Counts, after read: Int64, _ thread: String) throws -> Counts? {
            if old == Counts() { return nil }
            let rest = try rest(tx, room: nid, user, after: read, thread: thread)
            let new = Counts(notifications: min(old.notifications, rest.notifications), highlights: min(old.highlights, rest.highlights))
            if new == old { return nil }
            changed = true
            try tx.run(UnreadSQL.deleteMarks, user, nid, new == Counts() ? Int64.max : read, thread)
            return new
        }
        if scope == .all || scope == .main {
            let read = max(pos, place.pos)
            if let new = try left(place.counts, after: read, "") {
                try tx.run(UnreadSQL.set, read, place.notices - new.notifications, place.calls - new.highlights, user, nid, "")
            }
        }
        if scope == .main || place.threadPos <= place.floor { return changed }
        var isAnyLeft = false
        for line in try lines(tx, place, room: nid, user) {
            guard scope == .all || scope == .thread(EventID(trusted: line.thread)) else {
                if line.counts != Counts() { isAnyLeft = true }
                continue
            }
            let read = max(pos, line.read)
            let new = try left(line.counts, after: read, line.thread)
            if new ?? line.counts != Counts() { isAnyLeft = true }
            if let new { try tx.run(UnreadSQL.put, user, nid, line.thread, read, line.notices - new.notifications, line.calls - new.highlights) }
        }
        // Rows at or below the floor say nothing any more.
        if !isAnyLeft {
            try tx.run(UnreadSQL.raiseFloor, place.lastPos, user, nid)
            try tx.run(UnreadSQL.deleteThreads, user, nid)
        } else if scope == .all, pos > place.floor {
            try tx.run(UnreadSQL.raiseFloor, pos, user, nid)
            try tx.run(UnreadSQL.deleteReadThreads, user, nid, pos)
        }
        return changed
    }

    /// The user has come into the room by the event at `pos`: what was there before is not unread to him.
    static func begin(_ tx: WriteTx, _ room: RoomHead, _ user: UserID, at pos: Int64) throws {
        try tx.run(UnreadSQL.begin, user, room.nid, pos, room.notices, room.calls)
    }

    /// The user is no longer in the room.
    static func forget(_ tx: WriteTx, room nid: Int64, _ user: UserID) throws {
        try tx.run(UnreadSQL.deleteRoom, user, nid)
        try tx.run(UnreadSQL.deleteRoomMarks, user, nid)
    }

    /// The room's history before `end` is gone; whoever is in the room has been reset up to there.
    static func forgetHistory(_ tx: WriteTx, room nid: Int64, before end: Int64) throws {
        try tx.run(UnreadSQL.dropLines, nid, end)
        try tx.run(UnreadSQL.dropSteps, nid, end)
    }

    // MARK: counting

    /// To whom the event means something else than to the others: what is taken off his count, or is added to it when negative.
    private struct Shift: Hashable { var notices: Int64, calls: Int64 }

    /// Counts the event at `pos` for everybody in the room but its sender. Those in `apart` are counted by their own rules instead of `verdict`.
    /// `named` finds the members whose name is in a text.
    static func count(_ tx: WriteTx, _ room: inout RoomHead, pos: Int64, sender: UserID, thread: String?, _ verdict: Attention,
                      apart: [(user: UserID, verdict: PushVerdict)], named: (PushText, Bool) throws -> [UserID]) throws {
        let usual = Shift(notices: verdict.notifies ? 1 : 0, calls: verdict.highlights == .everyone ? 1 : 0)
        var shifts: [Shift: [String]] = [:]
        for each in apart where each.user != sender {
            let notifies = each.verdict.notifies
            let shift = Shift(notices: usual.notices - (notifies ? 1 : 0), calls: usual.calls - (notifies && each.verdict.highlights ? 1 : 0))
            if shift != Shift(notices: 0, calls: 0) { shifts[shift, default: []].append(each.user.rawValue) }
        }
        let called: [String] = switch verdict.highlights {
        case .nobody, .everyone: []
        case .users(let users): Array(users.prefix(200))
        case .named(let text, let byLocalpart): try named(text, byLocalpart).map(\.rawValue)
        }
        let others = called.isEmpty ? [] : Set(apart.map(\.user.rawValue))
        for user in called where user != sender.rawValue && !others.contains(user) && !user.utf8.contains(0) {
            shifts[Shift(notices: usual.notices - 1, calls: -1), default: []].append(user)
        }
        guard verdict.notifies || !shifts.isEmpty else { return }

        if let thread {
            let line = try tx.first(UnreadSQL.advance, room.nid, thread, usual.notices, usual.calls, pos) { (notices: $0.int(0), calls: $0.int(1)) } ?? (notices: 0, calls: 0)
            room.threadPos = pos
            if verdict.notifies {
                try tx.run(UnreadSQL.step, room.nid, thread, pos, line.notices - usual.notices, line.calls - usual.calls)
                try tx.run(UnreadSQL.ownThread, sender, room.nid, thread, pos, line.notices, line.calls)
            }
            for (shift, users) in shifts { try apply(tx, shift, to: users, room.nid, pos, thread, line.notices, line.calls) }
        } else {
            room.notices += usual.notices
            room.calls += usual.calls
            if verdict.notifies { try tx.run(UnreadSQL.set, pos, room.notices, room.calls, sender, room.nid, "") }
            for (shift, users) in shifts { try apply(tx, shift, to: users, room.nid, pos, "", room.notices, room.calls) }
        }
    }

    /// Users who are not in the room have no row, and are left alone.
    private static func apply(_ tx: WriteTx, _ shift: Shift, to users: [String], _ nid: Int64, _ pos: Int64, _ thread: String, _ notices: Int64, _ calls: Int64) throws {
        try Batch.each(users, padding: "") { size, group in
            let binds: [any Bindable] = [nid, thread, shift.notices, shift.calls, notices, calls, pos] + group as [any Bindable]
            let sql = thread.isEmpty ? UnreadBatches.shift[size] ?? UnreadSQL.shift(size) : UnreadBatches.shiftThread[size] ?? UnreadSQL.shiftThread(size)
            let marked = try tx.all(sql, array: binds) { (user: $0.text(0), read: $0.int(1)) }
            for each in marked where each.read < pos { try tx.run(UnreadSQL.mark, each.user, nid, thread, pos, -shift.calls, -shift.notices) }
        }
    }
}

package enum UnreadSQL {
    static let place = """
        SELECT d.notices, d.calls, d.pos, d.floor, r.notices, r.calls, r.thread_pos, r.last_pos FROM reading d JOIN room r ON r.room_nid = d.room_nid \
        WHERE d.user_id = ? AND d.room_nid = ? AND d.thread = ''
        """
    static let ofUser = """
        SELECT d.room_nid, r.notices - d.notices, r.calls - d.calls FROM reading d JOIN room r ON r.room_nid = d.room_nid \
        WHERE d.user_id = ? AND d.thread = '' AND (r.notices <> d.notices OR r.calls <> d.calls)
        """
    static let total = """
        SELECT COALESCE(SUM(r.notices - d.notices), 0) FROM reading d JOIN room r ON r.room_nid = d.room_nid WHERE d.user_id = ? AND d.thread = ''
        """
    /// `l` is the thread, `t` the user's own row for it, `s` the first event in it after his floor.
    private static let lines = """
        SELECT l.room_nid, l.thread, l.notices, l.calls, l.pos, COALESCE(t.pos, d.floor), COALESCE(t.notices, s.notices, l.notices), \
        COALESCE(t.calls, s.calls, l.calls) FROM reading d JOIN room r ON r.room_nid = d.room_nid AND r.thread_pos > d.floor \
        JOIN thread_line l ON l.room_nid = d.room_nid AND l.pos > d.floor \
        LEFT JOIN reading t ON t.user_id = d.user_id AND t.room_nid = d.room_nid AND t.thread = l.thread \
        LEFT JOIN thread_step s ON s.room_nid = l.room_nid AND s.thread = l.thread AND s.pos = \
        (SELECT MIN(f.pos) FROM thread_step f WHERE f.room_nid = l.room_nid AND f.thread = l.thread AND f.pos > d.floor) \
        WHERE d.user_id = ? AND d.thread = ''
        """
    static let threadsOfUser = lines
    static let threadsOfRoom = lines + " AND d.room_nid = ?"
    static let readUpTo = """
        SELECT d.pos, d.floor, t.pos FROM reading d LEFT JOIN reading t ON t.user_id = d.user_id AND t.room_nid = d.room_nid AND t.thread = ?3 \
        WHERE d.user_id = ?1 AND d.room_nid = ?2 AND d.thread = ''
        """
    static let restOfMain = """
        SELECT COUNT(*), COALESCE(SUM(CASE WHEN notifies = 2 THEN 1 ELSE 0 END), 0) FROM event \
        WHERE room_nid = ? AND pos > ? AND sender <> ? AND notifies > 0 AND thread IS NULL
        """
    static let restOfThread = """
        SELECT COUNT(*), COALESCE(SUM(CASE WHEN notifies = 2 THEN 1 ELSE 0 END), 0) FROM event \
        WHERE room_nid = ? AND pos > ? AND sender <> ? AND notifies > 0 AND thread = ?
        """
    static let restOfMarks = """
        SELECT COALESCE(SUM(highlight), 0), COALESCE(SUM(deviation), 0) FROM unread_highlight WHERE user_id = ? AND room_nid = ? AND pos > ? AND thread = ?
        """
    static let begin = """
        INSERT INTO reading (user_id, room_nid, thread, pos, floor, notices, calls) VALUES (?1, ?2, '', ?3, ?3, ?4, ?5) \
        ON CONFLICT (user_id, room_nid, thread) DO UPDATE SET pos = excluded.pos, floor = excluded.floor, notices = excluded.notices, calls = excluded.calls
        """
    static let set = "UPDATE reading SET pos = ?, notices = ?, calls = ? WHERE user_id = ? AND room_nid = ? AND thread = ?"
    static let put = """
        INSERT INTO reading (user_id, room_nid, thread, pos, floor, notices, calls) VALUES (?, ?, ?, ?, 0, ?, ?) \
        ON CONFLICT (user_id, room_nid, thread) DO UPDATE SET pos = excluded.pos, notices = excluded.notices, calls = excluded.calls
        """
    /// The sender's own row, if he is in the room.
    static let ownThread = """
        INSERT INTO reading (user_id, room_nid, thread, pos, floor, notices, calls) \
        SELECT d.user_id, d.room_nid, ?3, ?4, 0, ?5, ?6 FROM reading d WHERE d.user_id = ?1 AND d.room_nid = ?2 AND d.thread = '' \
        ON CONFLICT (user_id, room_nid, thread) DO UPDATE SET pos = excluded.pos, notices = excluded.notices, calls = excluded.calls
        """
    static let advance = """
        INSERT INTO thread_line (room_nid, thread, notices, calls, pos) VALUES (?, ?, ?, ?, ?) ON CONFLICT (room_nid, thread) DO UPDATE SET \
        notices = thread_line.notices + excluded.notices, calls = thread_line.calls + excluded.calls, pos = excluded.pos RETURNING notices, calls
        """
    static let step = "INSERT INTO thread_step (room_nid, thread, pos, notices, calls) VALUES (?, ?, ?, ?, ?)"
    static let mark = "INSERT INTO unread_highlight (user_id, room_nid, thread, pos, highlight, deviation) VALUES (?, ?, ?, ?, ?, ?)"
    static let raiseFloor = "UPDATE reading SET floor = ? WHERE user_id = ? AND room_nid = ? AND thread = ''"
    static let deleteThreads = "DELETE FROM reading WHERE user_id = ? AND room_nid = ? AND thread <> ''"
    static let deleteReadThreads = """
        DELETE FROM reading WHERE user_id = ? AND room_nid = ? AND thread <> '' AND EXISTS \
        (SELECT 1 FROM thread_line l WHERE l.room_nid = reading.room_nid AND l.thread = reading.thread AND l.pos <= ?)
        """
    static let deleteMarks = "DELETE FROM unread_highlight WHERE user_id = ? AND room_nid = ? AND pos <= ? AND thread = ?"
    static let deleteRoom = "DELETE FROM reading WHERE user_id = ? AND room_nid = ?"
    static let deleteRoomMarks = "DELETE FROM unread_highlight WHERE user_id = ? AND room_nid = ?"
    static let dropLines = "DELETE FROM thread_line WHERE room_nid = ? AND pos < ?"
    static let dropSteps = "DELETE FROM thread_step WHERE room_nid = ? AND pos < ?"
    static let dropStep = "DELETE FROM thread_step WHERE room_nid = ? AND pos = ?"

    /// `?3` and `?4` are taken off the counts of users, or added to them when negative; `?5` and `?6` are the totals. Who has nothing unread
    /// after it has read up to the event, `?7`.
    static func shift(_ count: Int) -> String {
        """
        UPDATE reading SET notices = notices + ?3, calls = calls + ?4, \
        pos = CASE WHEN notices + ?3 = ?5 AND calls + ?4 = ?6 THEN ?7 ELSE pos END \
        WHERE room_nid = ?1 AND thread = ?2 AND user_id IN (\(names(count))) RETURNING user_id, pos
        """
    }
    /// The same in a thread, where a user may have no row yet.
    static func shiftThread(_ count: Int) -> String {
        """
        INSERT INTO reading (user_id, room_nid, thread, pos, floor, notices, calls) \
        SELECT d.user_id, d.room_nid, l.thread, d.floor, 0, COALESCE(s.notices, l.notices) + ?3, COALESCE(s.calls, l.calls) + ?4 \
        FROM reading d JOIN thread_line l ON l.room_nid = d.room_nid AND l.thread = ?2 \
        LEFT JOIN thread_step s ON s.room_nid = l.room_nid AND s.thread = l.thread AND s.pos = \
        (SELECT MIN(f.pos) FROM thread_step f WHERE f.room_nid = l.room_nid AND f.thread = l.thread AND f.pos > d.floor) \
        WHERE d.room_nid = ?1 AND d.thread = '' AND d.user_id IN (\(names(count))) \
        ON CONFLICT (user_id, room_nid, thread) DO UPDATE SET notices = reading.notices + ?3, calls = reading.calls + ?4, \
        pos = CASE WHEN reading.notices + ?3 = ?5 AND reading.calls + ?4 = ?6 THEN ?7 ELSE reading.pos END RETURNING user_id, pos
        """
    }
    private static func names(_ count: Int) -> String { (0..<count).map { "?\($0 + 8)" }.joined(separator: ", ") }

    package static let all = [place, ofUser, total, threadsOfUser, threadsOfRoom, readUpTo, restOfMain, restOfThread, restOfMarks, begin, set, put, ownThread, advance,
                              step, mark, raiseFloor, deleteThreads, deleteReadThreads, deleteMarks, deleteRoom, deleteRoomMarks, dropLines, dropSteps, dropStep]
        + Batch.sizes.flatMap { [shift($0), shiftThread($0)] }
}

/// The statements of ``UnreadSQL`` that take many users, put together once.
private enum UnreadBatches {
    static let shift = Dictionary(uniqueKeysWithValues: Batch.sizes.map { ($0, UnreadSQL.shift($0)) })
    static let shiftThread = Dictionary(uniqueKeysWithValues: Batch.sizes.map { ($0, UnreadSQL.shiftThread($0)) })
}
