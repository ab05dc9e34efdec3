@testable import Media
import TestKit
import Testing

@Suite struct FileKindTests {
    static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test(arguments: [
        ([], FileKind.empty),
        (SamplePictures.png(2, 2), .png),
        (SamplePictures.gif(2, 2), .gif),
        (SamplePictures.webp, .webp),
        ([0xFF, 0xD8, 0xFF, 0xE0, 0], .jpeg),
        (text("RIFF0000WAVEfmt "), .wave),
        (text("\0\0\0\u{18}ftypisom0000"), .isoMedia),
        (text("\0\0\0\u{18}ftypavif0000"), .avif),
        (text("\0\0\0\u{18}ftypheic0000"), .heic),
        ([0x1A, 0x45, 0xDF, 0xA3, 1], .matroska),
        (text("OggS\0"), .ogg),
        (text("fLaC\0"), .flac),
        (text("ID3\u{4}"), .mp3),
        ([0xFF, 0xFB, 0x90, 0], .mp3),
        ([0xFF, 0xF1, 0x50, 0], .aac),
        (text("%PDF-1.7"), .pdf),
        ([0x50, 0x4B, 3, 4], .zip),
        (text("hello\n"), .text),
        (text("BM is a text"), .text),
        (text("a\0b"), .binary),
        (text("<!DOCTYPE html><p>"), .markup),
        (text("\u{FEFF}  \n<HTML>"), .markup),
        (text("<svg xmlns='http://www.w3.org/2000/svg'/>"), .markup),
        (text("<?xml version='1.0'?><svg/>"), .markup),
        (text("<!-- x --><script>"), .markup),
        ([0xFF, 0xFE] + text("<\0s\0c\0r\0i\0p\0t\0>\0"), .markup),
        (text("< 5 and > 3"), .text),
    ] as [([UInt8], FileKind)])
    func isToldByTheFirstBytes(bytes: [UInt8], kind: FileKind) { #expect(FileKind(of: bytes) == kind) }

    @Test(arguments: [
        ("image/png", FileKind.png, "image/png", true),
        ("IMAGE/PNG ; x=1", .png, "image/png; x=1", true),
        ("image/png", .jpeg, "image/jpeg", true),
        ("image/png", .tiff, "image/tiff", false),
        ("image/png", .markup, "application/octet-stream", false),
        ("image/png", .binary, "application/octet-stream", false),
        ("image/png", .empty, "application/octet-stream", false),
        ("image/svg+xml", .markup, "image/svg+xml", false),
        ("image/svg+xml", .png, "image/svg+xml", false),
        ("text/html", .markup, "text/html", false),
        ("text/html", .text, "text/html", false),
        ("application/xhtml+xml", .markup, "application/xhtml+xml", false),
        ("text/plain", .text, "text/plain", true),
        ("text/plain; charset=utf-8", .text, "text/plain; charset=utf-8", true),
        ("text/plain", .markup, "text/plain", false),
        ("text/plain", .binary, "text/plain", false),
        ("text/plain", .empty, "text/plain", true),
        ("application/json", .text, "application/json", true),
        ("application/pdf", .pdf, "application/pdf", false),
        ("application/octet-stream", .png, "application/octet-stream", false),
        ("video/mp4", .isoMedia, "video/mp4", true),
        ("video/mp4", .markup, "application/octet-stream", false),
        ("audio/ogg", .ogg, "audio/ogg", true),
        ("audio/mpeg", .mp3, "audio/mpeg", true),
        (nil, .png, "image/png", true),
        (nil, .markup, "application/octet-stream", false),
        (nil, .text, "application/octet-stream", false),
        ("nonsense", .jpeg, "image/jpeg", true),
        ("a/b/c", .binary, "application/octet-stream", false),
        ("text/plain\r\nX-Evil: 1", .text, "application/octet-stream", false),
    ] as [(String?, FileKind, String, Bool)])
    func isJudged(declared: String?, kind: FileKind, type: String, isInline: Bool) {
        let judged = ContentTypes.judge(declared: declared, kind: kind)
        #expect(judged.type == type)
        #expect(judged.isInline == isInline)
    }
}

@Suite struct FileNameTests {
    @Test(arguments: [
        (nil, nil),
        ("", nil),
        ("photo.jpg", "photo.jpg"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("/", nil),
        ("..", nil),
        (".hidden", "hidden"),
        ("a\r\nSet-Cookie: x", "aSet-Cookie: x"),
        ("gpj.\u{202E}exe", "gpj.exe"),
        ("été à la plage.png", "été à la plage.png"),
        (String(repeating: "x", count: 500), String(repeating: "x", count: 200)),
    ] as [(String?, String?)])
    func areCleaned(name: String?, clean: String?) { #expect(FileNames.clean(name) == clean) }

    @Test(arguments: [
        (true, nil, "inline"),
        (false, "a.txt", "attachment; filename=\"a.txt\""),
        (true, "my file.txt", "inline; filename=\"my file.txt\""),
        (true, "été.png", "inline; filename*=utf-8''%C3%A9t%C3%A9.png"),
        (true, "a\"b.png", "inline; filename*=utf-8''a%22b.png"),
        (true, "50%.png", "inline; filename*=utf-8''50%25.png"),
    ] as [(Bool, String?, String)])
    func areQuoted(inline: Bool, name: String?, header: String) { #expect(FileNames.disposition(inline: inline, name: name) == header) }
}
