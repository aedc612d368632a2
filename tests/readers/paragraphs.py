"""One real paragraph a language, with the encodings in which such text lies about on old disks."""

from __future__ import annotations

PARAGRAPHS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ja": (
        "バックアップを作成するには、設定画面を開き、「今すぐ保存」を押します。\n"
        "外付けディスクが接続されていない場合は、警告が表示されます。復元の手順は次の章で説明します。\n",
        ("cp932", "euc_jp", "iso2022_jp", "utf-16-le", "utf-16-be"),
    ),
    "zh-Hans": (
        "要备份您的文件，请打开设置窗口，然后点击“立即保存”。如果没有连接外置硬盘，系统会显示警告。\n"
        "下一章将说明如何恢复数据。\n",
        ("gb18030", "gbk", "utf-16-le"),
    ),
    "zh-Hant": (
        "要備份您的檔案，請開啟設定視窗，然後按下「立即儲存」。如果沒有連接外接硬碟，系統會顯示警告。\n"
        "下一章將說明如何還原資料。\n",
        ("big5", "cp950", "utf-16-be"),
    ),
    "ko": (
        "백업을 만들려면 설정 화면을 열고 ‘지금 저장’을 누르십시오. 외장 디스크가 연결되어 있지 않으면 경고가 표시됩니다.\n"
        "복원 절차는 다음 장에서 설명합니다.\n",
        ("cp949", "euc_kr"),
    ),
    "ru": (
        "Чтобы создать резервную копию, откройте окно настроек и нажмите кнопку «Сохранить сейчас».\n"
        "Если внешний диск не подключён, появится предупреждение. О восстановлении рассказано в следующей главе.\n",
        ("cp1251",),
    ),
    "ru-plain": (
        "Чтобы распечатать документ, откройте меню и выберите команду \"Печать\". Затем укажите число копий.\n"
        "Если принтер не отвечает, проверьте кабель и уровень чернил, а потом перезапустите очередь печати.\n",
        ("koi8_r", "cp866", "iso8859_5"),
    ),
    "uk": (
        "Щоб створити резервну копію, відкрийте вікно налаштувань і натисніть кнопку «Зберегти зараз».\n"
        "Якщо зовнішній диск не під'єднано, з'явиться попередження.\n",
        ("cp1251",),
    ),
    "bg": (
        "За да направите резервно копие, отворете прозореца с настройки и натиснете бутона „Запази сега“.\n"
        "Ако външният диск не е свързан, ще се появи предупреждение.\n",
        ("cp1251",),
    ),
    "ar": (
        "لإنشاء نسخة احتياطية، افتح نافذة الإعدادات ثم اضغط على زر الحفظ الآن.\n"
        "إذا لم يكن القرص الخارجي متصلا فسيظهر تحذير. يشرح الفصل التالي طريقة استعادة البيانات.\n",
        ("cp1256",),
    ),
    "he": (
        "כדי ליצור גיבוי, פתחו את חלון ההגדרות ולחצו על הכפתור שמירה עכשיו.\n"
        "אם הכונן החיצוני אינו מחובר, תופיע אזהרה. הפרק הבא מסביר כיצד לשחזר את הנתונים.\n",
        ("cp1255",),
    ),
    "el": (
        "Για να δημιουργήσετε αντίγραφο ασφαλείας, ανοίξτε το παράθυρο ρυθμίσεων και πατήστε «Αποθήκευση τώρα».\n"
        "Αν ο εξωτερικός δίσκος δεν είναι συνδεδεμένος, θα εμφανιστεί προειδοποίηση.\n",
        ("cp1253", "iso8859_7"),
    ),
    "th": (
        "หากต้องการสำรองข้อมูล ให้เปิดหน้าต่างการตั้งค่า แล้วกดปุ่มบันทึกทันที\n"
        "ถ้าไม่ได้เชื่อมต่อดิสก์ภายนอก ระบบจะแสดงคำเตือน\n",
        ("cp874",),
    ),
    "de": (
        "Um eine Sicherung anzulegen, öffnen Sie das Fenster für die Einstellungen und drücken Sie „Jetzt sichern“.\n"
        "Ist die äußere Festplatte nicht angeschlossen, erscheint eine Warnung. Größere Ordner brauchen länger.\n",
        ("cp1252",),
    ),
    "fr": (
        "Pour créer une sauvegarde, ouvrez la fenêtre des réglages et appuyez sur « Enregistrer ». \n"
        "Si le disque externe n’est pas branché, un avertissement s’affiche à côté de l’icône.\n",
        ("cp1252",),
    ),
    "es": (
        "Para crear una copia de seguridad, abra la ventana de configuración y pulse «Guardar ahora».\n"
        "Si el disco externo no está conectado, aparecerá una advertencia. ¿Dónde están los ficheros del año pasado?\n",
        ("cp1252", "latin_1"),
    ),
    "pl": (
        "Aby utworzyć kopię zapasową, otwórz okno ustawień i naciśnij przycisk „Zapisz teraz”.\n"
        "Jeśli dysk zewnętrzny nie jest podłączony, pojawi się ostrzeżenie. Większe foldery zajmują więcej czasu.\n",
        ("cp1250", ),
    ),
    "cs": (
        "Chcete-li vytvořit zálohu, otevřete okno nastavení a stiskněte tlačítko „Uložit nyní“.\n"
        "Není-li připojen externí disk, zobrazí se varování. Větší složky potřebují více času.\n",
        ("cp1250",),
    ),
    "hu": (
        "Biztonsági mentés készítéséhez nyissa meg a beállítások ablakát, és nyomja meg a Mentés most gombot.\n"
        "Ha a külső lemez nincs csatlakoztatva, figyelmeztetés jelenik meg. A következő fejezet erről szól.\n",
        ("cp1250",),
    ),
    "tr": (
        "Yedek oluşturmak için ayarlar penceresini açın ve 'Şimdi kaydet' düğmesine basın.\n"
        "Harici disk bağlı değilse bir uyarı gösterilir. Geri yükleme adımları sonraki bölümde açıklanır.\n",
        ("cp1254", "iso8859_9"),
    ),
}  # fmt: skip
