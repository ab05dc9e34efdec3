// swift-tools-version:6.2
import PackageDescription

/// `scripts/fuzz.sh` sets it to the directory of the compiler's runtime libraries, and builds into a directory of its own.
let fuzzing = Context.environment["COMPTOIR_FUZZ_RUNTIME"]

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
] + (fuzzing == nil ? [] : [.unsafeFlags(["-sanitize=fuzzer", "-enable-testing"])])

/// A wall of the house. Which target may import which is decided here, and checked once more, file by file, by TidyTests.
func wall(_ name: String, _ needs: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: needs, swiftSettings: strict)
}

func tests(_ name: String, _ needs: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: needs, swiftSettings: strict)
}

let base: [Target.Dependency] = ["ServerKit", "Store", "MatrixCore"]

let package = Package(
    name: "comptoir",
    products: [.executable(name: "comptoir", targets: ["comptoir"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: [
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CPostgres", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(name: "CCrypto", linkerSettings: [.linkedLibrary("crypto"), .linkedLibrary("argon2")]),
        .target(name: "CTLS", linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
        .target(name: "CCurl", linkerSettings: [.linkedLibrary("curl")]),
        .systemLibrary(name: "CVipsSystem", pkgConfig: "vips", providers: [.apt(["libvips-dev"])]),
        .target(name: "CVips", dependencies: ["CVipsSystem"]),
        wall("MatrixCore", ["CCrypto"]),
        wall("Store", ["CSQLite", "CPostgres"]),
        wall("ServerKit", ["Store", "MatrixCore", "CCrypto", "CCurl", .product(name: "Logging", package: "swift-log")]),
        wall("Accounts", base + [.product(name: "Logging", package: "swift-log")]),
        wall("Rooms", base),
        wall("Media", base + ["CVips", .product(name: "Logging", package: "swift-log")]),
        wall("Push", base + [.product(name: "Logging", package: "swift-log")]),
        wall("Desk", base),
        .systemLibrary(name: "CYaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        wall("AppService", base + ["CYaml", .product(name: "Logging", package: "swift-log")]),
        wall("App", base + ["Accounts", "Rooms", "Media", "Push", "Desk", "AppService", "CTLS",
            .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
            .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "Logging", package: "swift-log")]),
        .executableTarget(name: "comptoir", dependencies: ["App", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            swiftSettings: strict),

        .target(name: "TestKit", dependencies: base + [.product(name: "Logging", package: "swift-log")], path: "Tests/TestKit", swiftSettings: strict),
        tests("MatrixCoreTests", ["MatrixCore", "TestKit"]),
        tests("StoreTests", ["Store", "TestKit"]),
        tests("ServerKitTests", base + ["TestKit"]),
        tests("AccountsTests", base + ["Accounts", "TestKit"]),
        tests("RoomsTests", base + ["Rooms", "Accounts", "TestKit"]),
        tests("MediaTests", base + ["Media", "TestKit"]),
        tests("PushTests", base + ["Push", "Rooms", "Accounts", "TestKit"]),
        tests("DeskTests", base + ["Desk", "Rooms", "Accounts", "TestKit"]),
        tests("AppServiceTests", base + ["AppService", "Rooms", "Accounts", "TestKit"]),
        .testTarget(name: "AppTests", dependencies: base + ["App", "TestKit", .product(name: "Logging", package: "swift-log")],
            exclude: ["Operations/Formats"], swiftSettings: strict),
        tests("TidyTests", []),

        .target(name: "FuzzTargets", dependencies: base + ["Accounts", "Rooms", "Media", "Push", "Desk", "AppService", "App"], path: "Tests/FuzzTargets", swiftSettings: strict),
        tests("FuzzTests", base + ["FuzzTargets", "TestKit"]),
    ] + fuzzer
)

/// The executable that libFuzzer drives: there only while `scripts/fuzz.sh` builds.
var fuzzer: [Target] {
    guard let runtime = fuzzing else { return [] }
    return [
        .executableTarget(name: "fuzz", dependencies: ["FuzzTargets"], path: "Fuzz/Driver", swiftSettings: strict,
            linkerSettings: [.unsafeFlags(["\(runtime)/libclang_rt.fuzzer_no_main-x86_64.a", "-lstdc++", "-lm",
                "-Xlinker", "--wrap=__sanitizer_cov_8bit_counters_init", "-Xlinker", "--wrap=__sanitizer_cov_pcs_init"])]),
    ]
}
