#include <sqlite3.h>

// The variadic calls of SQLite that Swift cannot make, and its destructor constants, which Swift cannot spell.

static inline int comptoir_sqlite_configure(sqlite3 *db) {
    // A "word" is always an identifier, as in PostgreSQL: a misspelt column is an error, never a text.
    int status = sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, (int *)0);
    if (status == SQLITE_OK) status = sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, (int *)0);
    // A statement is planned once, whatever its values. Otherwise one that compares a column with a value is planned anew each time that it runs,
    // if there is an index of those rows alone in which that column has a certain value.
    if (status == SQLITE_OK) status = sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_QPSG, 1, (int *)0);
    return status;
}

static inline int comptoir_sqlite_bind_text(sqlite3_stmt *statement, int index, const char *text, int length) {
    return sqlite3_bind_text(statement, index, text ? text : "", length, SQLITE_TRANSIENT);
}

static inline int comptoir_sqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, int length) {
    if (length == 0) return sqlite3_bind_zeroblob(statement, index, 0);
    return sqlite3_bind_blob(statement, index, bytes, length, SQLITE_TRANSIENT);
}
