// swift-tools-version: 6.2

import PackageDescription

// The rooms and the directions between them are told in docs/architecture.md. Each room names every room it imports;
// the Makefile builds with --explicit-target-dependency-import-check error.
let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// A room of the exporter: a folder of Sources.
func room(_ name: String, imports dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

/// The tests of a room, and what else they import.
func tests(of name: String, with dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: name + "Tests",
        dependencies: [.byName(name: name)] + dependencies,
        swiftSettings: swiftSettings
    )
}

let package = Package(
    name: "timewait_exporter",
    targets: [
        // The way of the data.
        room("Ports"),
        room("KernelReaders", imports: ["Ports"]),
        room("Aggregator", imports: ["Ports"]),
        room("Sampler", imports: ["KernelReaders", "Aggregator", "Ports"]),
        room("Exposition"),
        room("Catalogue", imports: ["Aggregator", "Exposition", "Ports"]),
        room("Endpoint", imports: ["CMicrohttpd"]),

        // C, as seen from Swift.
        .systemLibrary(name: "CMicrohttpd", pkgConfig: "libmicrohttpd", providers: [.apt(["libmicrohttpd-dev"])]),

        // A folder of tests for each room, and what they share.
        .executableTarget(name: "namespace_agent", path: "Tests/NamespaceAgent", swiftSettings: swiftSettings),
        .target(name: "Namespaces", path: "Tests/Namespaces", swiftSettings: swiftSettings),
        tests(of: "Namespaces"),
        .target(name: "Scenes", path: "Tests/Scenes", swiftSettings: swiftSettings),
        tests(of: "Ports"),
        tests(of: "KernelReaders", with: ["Scenes", "Ports"]),
        tests(of: "Aggregator", with: ["Ports"]),
        tests(of: "Sampler", with: ["Scenes", "KernelReaders", "Aggregator", "Ports"]),
        tests(of: "Exposition"),
        tests(of: "Endpoint"),
        tests(of: "Catalogue", with: ["Scenes", "Sampler", "KernelReaders", "Aggregator", "Exposition", "Ports"]),
    ]
)
