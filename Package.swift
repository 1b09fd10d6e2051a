// swift-tools-version: 6.2

import PackageDescription

// docs/architecture.md describes the modules.
let swiftSettings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// The commit that is built, with "-dirty" behind it where the work tree holds other changes; empty
/// outside of git.
let revision = Context.gitInformation.map { $0.currentCommit + ($0.hasUncommittedChanges ? "-dirty" : "") } ?? ""

/// A module of the exporter: a folder of Sources.
func module(_ name: String, imports dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

/// The tests of a module, and what else they import.
func tests(of name: String, with dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: name + "Tests",
        dependencies: [.byName(name: name)] + dependencies,
        swiftSettings: swiftSettings
    )
}

/// A C program of the benchmark.
func program(_ name: String) -> Target {
    .executableTarget(
        name: name,
        path: "Tests/Benchmark/c/\(name)",
        cSettings: [.enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error)]
    )
}

let package = Package(
    name: "timewait_exporter",
    products: [
        .executable(name: "timewait_exporter", targets: ["timewait_exporter"]),
        .executable(name: "timewait_prober", targets: ["timewait_prober"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    ],
    targets: [
        // In the order of the data flow.
        module("System", imports: ["CLinux", "CProcessArguments"]),
        module("Model"),
        module("KernelReaders", imports: ["System", "Model", "CLinux"]),
        module("Aggregator", imports: ["Model"]),
        module("Sampler", imports: ["System", "KernelReaders", "Aggregator", "Model"]),
        module("Advice", imports: ["Model"]),
        module("Presentation", imports: ["Advice", "Model"]),
        module("Exposition"),
        module("Catalogue", imports: ["Exposition", "Model"]),
        module("WebConfiguration", imports: ["CYaml"]),
        module("Endpoint", imports: ["WebConfiguration", "System", "CMicrohttpd", "CGnuTLS", "CZlib", "CCrypt"]),
        module("RemoteExporter", imports: ["System", "CCurl"]),
        module("Prober", imports: ["KernelReaders", "Model", "System", "CCurl"]),
        module("ProberConfiguration", imports: ["Prober", "WebConfiguration", "Model", "System"]),
        module(
            "Program",
            imports: [
                "Endpoint", "WebConfiguration", "KernelReaders", "Model", "System", "CBuildInformation",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]
        ),
        .executableTarget(
            name: "timewait_exporter",
            dependencies: [
                "Model", "KernelReaders", "Aggregator", "Sampler", "Advice", "Presentation", "Exposition", "Catalogue",
                "Endpoint", "WebConfiguration", "RemoteExporter", "Program", "System",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings
        ),

        .executableTarget(
            name: "timewait_prober",
            dependencies: [
                "Prober", "ProberConfiguration", "Program", "Endpoint", "Exposition", "WebConfiguration",
                "KernelReaders", "Model", "System",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: swiftSettings
        ),

        // C, as seen from Swift.
        .systemLibrary(name: "CLinux"),
        // Loaded at run time, if at all: nothing to install for a build.
        .systemLibrary(name: "CCurl"),
        .systemLibrary(name: "CMicrohttpd", pkgConfig: "libmicrohttpd", providers: [.apt(["libmicrohttpd-dev"])]),
        .systemLibrary(name: "CYaml", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CGnuTLS", pkgConfig: "gnutls", providers: [.apt(["libgnutls28-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CCrypt", pkgConfig: "libcrypt", providers: [.apt(["libcrypt-dev"])]),
        .target(
            name: "CBuildInformation",
            cSettings: [.define("TIMEWAIT_EXPORTER_REVISION", to: "\"\(revision)\"")]
        ),
        .target(
            name: "CProcessArguments",
            cSettings: [.enableWarning("all"), .enableWarning("extra"), .treatAllWarnings(as: .error)]
        ),

        // The benchmark, and in C what has to cost as little as possible beside what is measured.
        .executableTarget(
            name: "timewait_benchmark",
            dependencies: [
                "timewait_exporter", "timewait_generator", "sock_diag_floor", "procfs_floor", "System",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Tests/Benchmark/timewait_benchmark",
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "reading_cost",
            dependencies: ["Aggregator", "KernelReaders", "Model", "System"],
            path: "Tests/Benchmark/reading_cost",
            swiftSettings: swiftSettings
        ),
        program("timewait_generator"),
        program("sock_diag_floor"),
        program("procfs_floor"),

        // A folder of tests for each module, and what they share.
        .executableTarget(name: "namespace_agent", path: "Tests/NamespaceAgent", swiftSettings: swiftSettings),
        .executableTarget(
            name: "dump_reader",
            dependencies: ["KernelReaders", "Model", "System"],
            path: "Tests/DumpReader",
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "owners_reader",
            dependencies: ["KernelReaders", "Model", "System"],
            path: "Tests/OwnersReader",
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "landing_renderer",
            dependencies: [
                "Advice", "Aggregator", "KernelReaders", "Model", "Presentation", "System", "Sampler",
                "SyntheticMachines",
            ],
            path: "Tests/LandingRenderer",
            swiftSettings: swiftSettings
        ),
        .executableTarget(
            name: "metrics_document",
            dependencies: ["Catalogue", "Exposition", "System"],
            path: "Tests/MetricsDocument",
            swiftSettings: swiftSettings
        ),
        .target(
            name: "SyntheticMachines",
            dependencies: ["Advice", "Aggregator", "Model"],
            path: "Tests/SyntheticMachines",
            swiftSettings: swiftSettings
        ),
        .target(name: "Namespaces", path: "Tests/Namespaces", swiftSettings: swiftSettings),
        tests(of: "Namespaces"),
        .target(name: "Scenes", path: "Tests/Scenes", swiftSettings: swiftSettings),
        .target(
            name: "Situations",
            dependencies: ["Advice", "Aggregator", "Model"],
            path: "Tests/Situations",
            swiftSettings: swiftSettings
        ),
        tests(of: "Model"),
        tests(
            of: "KernelReaders",
            with: ["Scenes", "Model", "Namespaces", "namespace_agent", "owners_reader"]
        ),
        tests(of: "Aggregator", with: ["Model"]),
        tests(of: "Sampler", with: ["Scenes", "KernelReaders", "Aggregator", "Model"]),
        tests(of: "Advice", with: ["Situations", "Scenes", "Aggregator", "Model"]),
        tests(
            of: "Presentation",
            with: ["SyntheticMachines", "Situations", "Scenes", "Advice", "Aggregator", "Model"]
        ),
        tests(of: "Exposition"),
        tests(of: "WebConfiguration"),
        tests(of: "Endpoint"),
        tests(of: "RemoteExporter", with: ["Endpoint"]),
        tests(of: "Prober"),
        tests(of: "ProberConfiguration", with: ["Prober", "WebConfiguration"]),
        tests(
            of: "Catalogue",
            with: [
                "Scenes", "Sampler", "KernelReaders", "Aggregator", "Advice", "Presentation", "Exposition", "Model",
                "metrics_document",
            ]
        ),
        .testTarget(name: "ArchitectureTests", dependencies: ["Scenes"], swiftSettings: swiftSettings),
        .testTarget(
            name: "EndToEndTests",
            dependencies: ["timewait_exporter", "namespace_agent", "dump_reader", "Namespaces", "Scenes"],
            swiftSettings: swiftSettings
        ),
    ]
)

// The fuzz targets, all in one program. It is linked with libFuzzer, and only .ci/run-fuzzers
// builds it.
if Context.environment["TIMEWAIT_FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "timewait_fuzz",
            dependencies: [
                "Advice", "Aggregator", "Catalogue", "Endpoint", "Exposition", "KernelReaders", "Model", "Presentation",
                "Prober", "ProberConfiguration", "Program", "Sampler", "WebConfiguration", "System",
            ],
            path: "Tests/Fuzz/timewait_fuzz",
            swiftSettings: swiftSettings
        )
    )
}
