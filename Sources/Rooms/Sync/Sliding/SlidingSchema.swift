package import Store

/// What sliding sync keeps. Migrations 46-52.
///
/// Invariants: a row of `sliding_connection` says what a client knows that holds a `pos` with this version; of a connection there are at
/// most two, that of the last `pos` that came back and that of the newest answer. Rows may be deleted at any time: the client starts anew.
package enum SlidingSchema {
    package static let migrations: [Migration] = [
        Migration(46, "sliding sync", """
            CREATE TABLE sliding_connection (
                user_id TEXT NOT NULL,
                device_id TEXT NOT NULL,
                conn_id TEXT NOT NULL,
                version TEXT NOT NULL,
                state BLOB NOT NULL, -- JSON, see ConnectionState
                used INTEGER NOT NULL, -- ms
                PRIMARY KEY (user_id, device_id, conn_id, version)
            );
            CREATE INDEX sliding_connection_used ON sliding_connection (used);
            CREATE INDEX membership_changed ON membership (user_id, pos);
            CREATE INDEX membership_forgotten ON membership (user_id) WHERE forgotten = 1;
            """),
    ]
}
