import Glibc
import MatrixCore
@testable import Media
import TestKit
import Testing

@Suite struct MediaFilesTests {
    @Test(arguments: [(ENOSPC, true), (EIO, true), (EMFILE, true), (ENOENT, false), (EACCES, false), (EROFS, false)])
    func aDiskThatFailsMayWorkLater(code: Int32, isTemporary: Bool) {
        #expect(FileError("write", "x", code: code).isTemporary == isTemporary)
    }

    @Test func aFileIsPlacedUnderItsHash() throws {
        let root = try temporaryDirectory()
        defer { removeDirectory(root) }
        let files = MediaFiles(root: root + "/a/b/media")
        try files.prepare()
        let incoming = try IncomingFile(path: files.incoming("x"))
        try incoming.append([Array("he".utf8), [], Array("llo".utf8)])
        let finished = try incoming.finish()
        #expect(finished.sha256 == Hex.encode(SHA256.hash(Array("hello".utf8))))
        #expect(finished.size == 5 && finished.head == Array("hello".utf8))
        let path = files.path(of: finished.sha256)
        try files.place(incoming.path, as: path)
        #expect(MediaFiles.size(path) == 5)
        #expect(readAll(path) == Array("hello".utf8))
        incoming.discard()
        #expect(MediaFiles.size(path) == 5)
        #expect(try MediaFiles.list(files.incomingDirectory).isEmpty)
        try files.remove(finished.sha256)
        #expect(MediaFiles.size(path) == nil)
    }

    @Test func theHeadIsShort() throws {
        let root = try temporaryDirectory()
        defer { removeDirectory(root) }
        let incoming = try IncomingFile(path: root + "/x")
        try incoming.append([[UInt8](repeating: 1, count: 700), [UInt8](repeating: 2, count: 700_000)])
        let finished = try incoming.finish()
        #expect(finished.head.count == IncomingFile.headLength && finished.size == 700_700)
    }

    @Test func anotherUploadsNameIsNotTaken() throws {
        let root = try temporaryDirectory()
        defer { removeDirectory(root) }
        _ = try IncomingFile(path: root + "/x")
        #expect(throws: FileError.self) { try IncomingFile(path: root + "/x") }
        #expect(throws: FileError.self) { try IncomingFile(path: root + "/no/x") }
    }
}
