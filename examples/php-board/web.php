<?php
declare(strict_types=1);
// What the board needs of a web framework: routes, JSON bodies, errors that are answers.

final class HttpError extends Exception
{
}

/** Parameters in an asked path, or null where it is not this one. `{name}` stands for a part of it, `{name:int}` for a number. */
function path_matches(string $path, string $asked): ?array
{
    $pattern = preg_replace(['/\{(\w+):int\}/', '/\{(\w+)\}/'], ['(?<$1>\d+)', '(?<$1>[^/]+)'], $path);
    if (!preg_match("#^$pattern$#", $asked, $found)) {
        return null;
    }
    return array_map('rawurldecode', array_filter($found, 'is_string', ARRAY_FILTER_USE_KEY));
}

/** The function of a route [method, path, function] and its parameters. */
function find_route(array $routes, string $method, string $asked): array
{
    $known = false;
    foreach ($routes as [$name, $path, $run]) {
        $parameters = path_matches($path, $asked);
        if ($parameters !== null && $name === $method) {
            return [$run, $parameters];
        }
        $known = $known || $parameters !== null;
    }
    throw $known ? new HttpError('method not allowed', 405) : new HttpError('not found', 404);
}

function body(): array
{
    $text = file_get_contents('php://input');
    $values = $text === '' ? [] : json_decode($text, true);
    if (!is_array($values)) {
        throw new HttpError('the body is no JSON', 400);
    }
    return $values;
}

function send(int $status, array $body): void
{
    $text = json_encode($body, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE) . "\n";
    http_response_code($status);
    header('Content-Type: application/json');
    header('Content-Length: ' . strlen($text));
    echo $text;
}
