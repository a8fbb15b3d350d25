"""Libraries of Java that Debian 12 has no package of, from Maven Central: for tests that are skipped where it cannot be reached."""

import shutil
import subprocess

import pytest

from harness import OUT
from harness.paths import locked

COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tests</groupId><artifactId>tests</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>
  </dependencies>
</project>
"""


def classpath(artifact):
    """Of `group:artifact:version` and what it needs."""
    folder = OUT / "maven" / artifact.replace(":", "-")
    with locked("maven"):
        if not folder.exists():
            fetch(artifact, folder)
    return f"{folder}/*"


def fetch(artifact, folder):
    maven = shutil.which("mvn")
    if not maven:
        pytest.skip("Maven is not installed")
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    (fresh / "pom.xml").write_text(POM.format(*artifact.split(":")), encoding="utf-8")
    try:
        made = subprocess.run([maven, "-q", "-B", "-f", fresh, f"-Dmaven.repo.local={OUT / 'maven' / 'repository'}", COPY,
                               f"-DoutputDirectory={fresh}"], capture_output=True, check=False, timeout=300)
    except subprocess.TimeoutExpired:
        pytest.skip("Maven Central is too slow")
    if made.returncode != 0:
        pytest.skip("Maven Central is not to be reached")
    fresh.rename(folder)
