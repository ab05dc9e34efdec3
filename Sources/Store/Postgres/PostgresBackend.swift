struct PostgresBackend: Backend {
    init(url: String) throws(StoreError) { throw .unavailable("PostgreSQL is not supported yet") }
    var dialect: Dialect { .postgres }
    func connect(isWriter: Bool) throws(StoreError) -> any Connection { throw .unavailable("PostgreSQL is not supported yet") }
    func migrate(_ connection: any Connection, _ migrator: Migrator) throws(StoreError) -> Int64 { 0 }
    func removeTemporaryFiles() {}
}
