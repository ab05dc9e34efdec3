import Testing

/// The rules see what they must see: a rule that finds nothing must not be blind.
@Suite struct RuleTests {
    @Test func commentsAndStringsAreBlank() {
        let text = ##"""
        let a = "try! \(value as! Int) print(" // try!
        /* Date() /* nested */ UUID() */ let b = #"fatalError( \#(c)"#
        let m = """
            print( TODO \(d.dump(1)) x
            """ + "" ; print(1)
        """##
        let bare = bareSwift(Array(text.utf8))
        #expect(bare.count == text.utf8.count)
        #expect(lines(of: "try!", in: bare).isEmpty)
        #expect(lines(of: "as!", in: bare) == [1])
        #expect(lines(of: "Date()", in: bare).isEmpty)
        #expect(lines(of: "UUID()", in: bare).isEmpty)
        #expect(lines(of: "fatalError(", in: bare).isEmpty)
        #expect(lines(of: "print(", in: bare) == [5])
        #expect(String(decoding: bare, as: UTF8.self).contains("d.dump(1)"))
    }

    @Test func aWordIsNoEndOfALongerName() {
        let text = Array("fingerprint(x)\nprint(x)\nself.print(x)\n".utf8)
        #expect(lines(of: "print(", in: text) == [2])
        #expect(lines(of: "Date()", in: Array("LaunchDate()\nFoundation.Date()".utf8)) == [2])
    }

    @Test func importsAreRead() {
        let text = Array("@preconcurrency package import Store\nimport struct Glibc.timespec\n  import Foundation\nimportant()".utf8)
        #expect(imports(of: text).map(\.1) == ["Store", "Glibc", "Foundation"])
        #expect(imports(of: text).map(\.0) == [1, 2, 3])
    }

    @Test func migrationNumbersAreRead() {
        let text = Array("let all = [\n    Migration(12, \"a\", \"\"),\n    Migration(id, name, sql)]".utf8)
        #expect(migrations(in: text).map(\.1) == [12])
    }

    @Test func forcedUnwrapsAreSeen() {
        let text = Array("let a = b!\nif a != b, !c {}\nlet d = e[0]!.f\nlet g = try! h() as! I\nvar x: Y!\nlet z = q! == w".utf8)
        #expect(forcedUnwraps(in: text) == [1, 3, 5, 6])
    }

    @Test func featuresMayNotImportEachOther() {
        let features = ["Accounts", "Rooms", "Media", "Push", "Desk", "AppService"]
        for feature in features {
            #expect(Rules.walls[feature]?.isDisjoint(with: features + ["App"]) == true)
        }
        #expect(Rules.walls["MatrixCore"]?.contains("Store") == false)
        for base in ["MatrixCore", "Store"] { #expect(Rules.walls[base]?.isDisjoint(with: features + ["ServerKit", "App"]) == true) }
    }
}
