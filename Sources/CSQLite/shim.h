#include <sqlite3.h>

// The variadic calls of SQLite that Swift cannot make, and its destructor constants, which Swift cannot spell.

static inline int comptoir_sqlite_strict_strings(sqlite3 *db) {
    // A "word" is always an identifier, as in PostgreSQL: a misspelt column is an error, never a text.
    int status = sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, (int *)0);
    if (status != SQLITE_OK) return status;
    return sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, (int *)0);
}

static inline int comptoir_sqlite_bind_text(sqlite3_stmt *statement, int index, const char *text, int length) {
    return sqlite3_bind_text(statement, index, text ? text : "", length, SQLITE_TRANSIENT);
}

static inline int comptoir_sqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int length) {
    if (length == 0) return sqlite3_bind_zeroblob(statement, index, 0);
    return sqlite3_bind_blob(statement, index, bytes, length, SQLITE_TRANSIENT);
}
