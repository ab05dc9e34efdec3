/// The rules of the house as data. A rule says what to use instead; an exception names one file and its reason.
enum Rules {
    /// What the files of a target may import. The package manifest says it for whole targets; this says it for each file,
    /// and says it for system modules too.
    static let walls: [String: Set<String>] = [
        "MatrixCore": ["CCrypto", "Glibc", "Synchronization"],
        "Store": ["CSQLite", "CPostgres", "Glibc", "Synchronization"],
        "ServerKit": ["Store", "MatrixCore", "CCrypto", "CCurl", "Logging", "Glibc", "Synchronization", "FoundationEssentials"],
        "Accounts": feature, "Rooms": feature, "Push": feature, "Desk": feature, "AppService": feature.union(["CYaml"]),
        "Media": feature.union(["CVips", "CCrypto"]),
        "App": feature.union(["Accounts", "Rooms", "Media", "Push", "Desk", "AppService", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOConcurrencyHelpers", "CVips", "CCrypto", "CTLS", "Dispatch"]),
        "comptoir": ["App", "ArgumentParser", "ServerKit", "MatrixCore", "Store", "Logging", "Glibc", "FoundationEssentials", "Accounts", "Rooms", "Media", "Desk", "Synchronization"],
    ]
    /// Single files that may import more, each for a reason.
    static let windows: [String: Set<String>] = [
        // hashing a password takes 30 ms of CPU: it must not sit on a thread of the cooperative pool
        "Sources/Accounts/Passwords/PasswordHasher.swift": ["Dispatch"],
    ]
    private static let feature: Set<String> = ["ServerKit", "Store", "MatrixCore", "Logging", "Glibc", "Synchronization", "FoundationEssentials"]

    struct Forbidden {
        let what: String
        let instead: String
        /// nil: everywhere in `Sources/`.
        var targets: Set<String>? = nil
        /// Files that may, each with a reason beside it.
        var except: Set<String> = []
    }

    static let forbidden: [Forbidden] = [
        Forbidden(what: "Date()", instead: "the clock of the context, or a parameter"),
        Forbidden(what: "Date.now", instead: "the clock of the context, or a parameter"),
        Forbidden(what: "UUID()", instead: "the id source of the context"),
        Forbidden(what: "try!", instead: "handle the error, or let the type rule it out"),
        Forbidden(what: "as!", instead: "as? with a typed error"),
        Forbidden(what: "fatalError(", instead: "a typed error for what the world does; precondition for what only a programmer can do"),
        Forbidden(what: "print(", instead: "the logger; only the commands of the executable print", targets: everyTargetButExecutable),
        Forbidden(what: "debugPrint(", instead: "the logger"),
        Forbidden(what: "dump(", instead: "the logger"),
        Forbidden(what: "Task.detached", instead: "a task group, or a task that its owner cancels"),
        Forbidden(what: "NSLock", instead: "Mutex of Synchronization"),
        Forbidden(what: "DispatchQueue", instead: "an actor, a Mutex, or the threads of Store",
                  except: ["Sources/Accounts/Passwords/PasswordHasher.swift"]),   // see windows
        Forbidden(what: "DispatchSemaphore", instead: "a continuation"),
        Forbidden(what: "JSONDecoder", instead: "JSON of MatrixCore: fifty times as fast, and it keeps 64-bit integers"),
        Forbidden(what: "JSONEncoder", instead: "JSON of MatrixCore"),
        Forbidden(what: "JSONSerialization", instead: "JSON of MatrixCore"),
        Forbidden(what: "URLSession", instead: "the outbound client of ServerKit, which guards against requests to inner networks"),
        Forbidden(what: "nonisolated(unsafe)", instead: "Mutex of Synchronization",
                  except: ["Sources/comptoir/Serve.swift"]),   // a signal handler can reach nothing else
        Forbidden(what: "SystemRandomNumberGenerator", instead: "randomness as an argument", targets: ["MatrixCore"]),
        Forbidden(what: "random(in:", instead: "randomness as an argument", targets: ["MatrixCore"]),
        Forbidden(what: "clock_gettime", instead: "time as an argument", targets: ["MatrixCore", "Accounts", "Rooms", "Media", "Desk", "Push"]),
        Forbidden(what: "gettimeofday", instead: "time as an argument", targets: ["MatrixCore", "Accounts", "Rooms", "Media", "Desk", "Push"]),
    ]
    static let everyTargetButExecutable: Set<String> = Set(walls.keys).subtracting(["comptoir"])

    /// Words that no text file of the project may hold: it must be finished, and it must not know who built it where.
    static let unfinished: [(what: String, instead: String)] = [
        ("TODO", "do it, or open an issue"),
        ("FIXME", "mend it"),
        ("XXX:", "mend it"),
    ]

    /// What would switch a test off.
    static let disabling: [(what: String, kinds: Set<String>)] = [
        (".disabled(", ["swift"]), ("withKnownIssue", ["swift"]), ("XCTSkip", ["swift"]), (".enabled(if: false", ["swift"]),
        ("pytest.mark.skip", ["py"]), ("pytest.skip(", ["py"]), ("pytest.mark.xfail", ["py"]), ("pytest.importorskip", ["py"]),
        ("Deno.test.ignore", ["ts", "tsx"]), ("Deno.test.only", ["ts", "tsx"]), ("ignore: true", ["ts", "tsx"]), ("only: true", ["ts", "tsx"]),
    ]

    static let longestFile = 900

    /// Which migration numbers a target may use.
    static let migrations: [String: ClosedRange<Int>] = [
        "Store": 1...4, "App": 5...9, "Accounts": 10...29, "Rooms": 30...59, "Media": 60...69, "Push": 70...79, "Desk": 80...119, "AppService": 120...129,
    ]
}
