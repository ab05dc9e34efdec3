// Store: SQLite and PostgreSQL behind one read and one write transaction.
//
// Invariants
// - It knows no feature, no JSON and no HTTP; time is always an argument (the applied time of a migration excepted).
// - What `write` returned is durable: the caller resumes after COMMIT and its fsync.
// - Write closures are serial, on both databases and across processes: check-then-act inside one closure has no race.
// - A closure that throws leaves nothing: no row, no position, no after-commit action, no touched key.
// - Positions are gap-free and strictly increasing in commit order: who has read position p has seen all rows up to p.
// - Nothing is told before it is durable: position, then after-commit actions, then hooks, then the callers.
// - A failed statement fails its closure, on both databases, even if the closure caught the error
//   (`WriteTx.attempt` is the way to try something that may fail).
// - No value that was bound and no secret of a database URL is ever part of an error.
//
// SQL is one text for both databases: `?` or `?1` placeholders; INTEGER, TEXT, BLOB and REAL; ON CONFLICT … DO UPDATE;
// RETURNING. LIKE is case-sensitive and needs `ESCAPE '\'` where a pattern may hold a backslash; text is ordered by its bytes.
