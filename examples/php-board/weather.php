<?php
declare(strict_types=1);

require_once 'settings.php';

/** What an external API says about today in a city, or null. */
function weather(string $city): ?string
{
    $url = setting('BOARD_API', 'http://127.0.0.1:8080') . '/weather?' . http_build_query(['city' => $city]);
    $handle = curl_init($url);
    curl_setopt_array($handle, [CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 10]);
    $text = curl_exec($handle);
    $status = curl_getinfo($handle, CURLINFO_RESPONSE_CODE);
    if ($text === false || $status !== 200) {
        error_log("$url: " . (curl_error($handle) ?: "status $status"));
        return null;
    }
    return trim($text);
}
